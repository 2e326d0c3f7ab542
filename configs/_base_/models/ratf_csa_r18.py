# RATF + CSA on ResNet-18 from random weights, for small sets and quick runs.
_base_ = ['ratf_csa_r50.py']

in_channels = 512  # of ResNet-18's last map

model = dict(
    backbone=dict(
        depth=18,
        pretrained=None,
        # From scratch there are no pretrained features to protect.
        ratf_cfg=dict(init='difference', init_scale=1.0),
    ),
    neck=dict(in_channels=in_channels),
    cls_head=dict(in_channels=in_channels),
)
