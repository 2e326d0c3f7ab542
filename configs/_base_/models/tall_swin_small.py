# TALL-Swin for images of 64 px from random weights, with a quarter of the channels
# and fewer blocks.
_base_ = ['tall_swin.py']

in_channels = 256

model = dict(
    backbone=dict(
        side_px=64,
        embed_dims=32,
        depths=(2, 2, 2, 2),
        num_heads=(1, 2, 4, 8),
        window_sizes=(8, 8, 4, 2),
        pretrained=None,
    ),
    cls_head=dict(in_channels=in_channels),
)
