# CNN + LSTM, RATF's recipe on FaceForensics++ LQ.
_base_ = [
    '../_base_/models/cnn_lstm_r50.py',
    '../_base_/datasets/ffpp_lq.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]
