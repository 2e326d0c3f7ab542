# ADDNet-3D with a quarter of the channels, from random weights, for small sets.
_base_ = ['addnet3d.py']

model = dict(
    backbone=dict(pretrained=None, width_ratio=0.25, channels=(64, 64, 64, 128)),
    cls_head=dict(in_channels=128),
)
