# TAM on ResNet-18 from random weights, for small sets and quick runs.
_base_ = ['tam_r50.py']

model = dict(
    backbone=dict(depth=18, pretrained=None),
    cls_head=dict(in_channels=512),  # of ResNet-18's last map
)
