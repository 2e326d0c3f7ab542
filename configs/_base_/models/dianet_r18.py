# DIANet-like on ResNet-18 from random weights, for small sets and frames of 64 px.
_base_ = ['dianet_r50.py']

in_channels = 512 + 2 * 64  # of ResNet-18's last map, and of the two branches

model = dict(
    backbone=dict(depth=18, pretrained=None, channels=64, correlation_side=4),
    cls_head=dict(in_channels=in_channels),
)
