# DoubleRNN with half the channels and eight layers in its dense blocks, from random
# weights.
_base_ = ['double_rnn.py']

in_channels = 64  # of the last map

model = dict(
    backbone=dict(
        pretrained=None, num_layers=(2, 2, 2, 2), growth=16, stem_channels=32
    ),
    cls_head=dict(in_channels=in_channels),
)
