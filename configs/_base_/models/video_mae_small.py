# VideoMAE for frames of 64 px from random weights, with an eighth of the channels and
# two of the twelve blocks.
_base_ = ['video_mae.py']

in_channels = 96

model = dict(
    backbone=dict(
        img_size=64, embed_dims=in_channels, depth=2, num_heads=3, pretrained=None
    ),
    cls_head=dict(in_channels=in_channels),
)
