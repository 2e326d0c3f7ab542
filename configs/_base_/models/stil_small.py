# STIL for frames of 64 px, from random weights: at 64 px the fourth stage would have
# 2 x 2 positions, and STIL's spatial gate needs 4 x 4.
_base_ = ['stil.py']

in_channels = 1024  # of the third stage's map

model = dict(
    backbone=dict(stage_blocks=(2, 2, 2), pretrained=None),
    cls_head=dict(in_channels=in_channels),
)
