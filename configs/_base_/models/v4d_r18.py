# V4D on the slow-only 3D ResNet-18 from random weights, for small sets.
_base_ = ['v4d_r50.py']

model = dict(
    backbone=dict(
        depth=18,
        r4d_blocks=((), (1,), (1,), ()),  # as the public code's ResNet-18
        pretrained=None,
    ),
    cls_head=dict(in_channels=512),  # of ResNet-18's last map
)
