# CNN + LSTM on ResNet-18 from random weights, for small sets and quick runs.
_base_ = ['cnn_lstm_r50.py']

in_channels = 512  # of ResNet-18's last map

model = dict(
    backbone=dict(depth=18, pretrained=None), cls_head=dict(in_channels=in_channels)
)
