# DSANet on the slow-only 3D ResNet-18 from random weights, for small sets.
_base_ = ['dsanet_r50.py']

model = dict(
    backbone=dict(depth=18, dsa_blocks=((), (1,), (1,), ()), pretrained=None),
    cls_head=dict(in_channels=512),  # of ResNet-18's last map
)
