# I3D on ResNet-18 from random weights, for small sets and quick runs.
_base_ = ['i3d_r50.py']

in_channels = 512  # of ResNet-18's last map

model = dict(
    backbone=dict(depth=18, pretrained=None, inflate=((1, 1), (1, 0), (1, 0), (0, 1))),
    cls_head=dict(in_channels=in_channels),
)
