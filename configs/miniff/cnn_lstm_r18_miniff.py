# CNN + LSTM on the built-in set.
_base_ = [
    '../_base_/models/cnn_lstm_r18.py',
    '../_base_/datasets/miniff_four_snippets.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]
