# I3D on ResNet-50 with a quarter of the channels, for small sets and quick runs: its
# bottlenecks, unlike ResNet-18's blocks, keep space and time in kernels of their own.
_base_ = ['i3d_r50.py']

in_channels = 512

model = dict(
    backbone=dict(base_channels=16, pretrained=None),
    cls_head=dict(in_channels=in_channels),
)
