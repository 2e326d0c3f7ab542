# DoubleRNN with eight layers in its dense blocks, from random weights.
_base_ = ['double_rnn.py']

in_channels = 128  # of the last map

model = dict(
    backbone=dict(pretrained=None, num_layers=(2, 2, 2, 2)),
    cls_head=dict(in_channels=in_channels),
)
