# FaceNetLSTM with a quarter of the channels and few blocks, from random weights: there
# is nothing to freeze, so it learns with the LSTM.
_base_ = ['facenet_lstm.py']

model = dict(
    backbone=dict(pretrained=None, frozen=False, num_blocks=(1, 1, 2), width_ratio=0.25)
)
