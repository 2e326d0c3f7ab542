# FTCN with a quarter of the channels and fewer blocks, for small sets and quick runs.
# Its clips of 16 frames keep their 16 steps in time.
_base_ = ['ftcn.py']

in_channels = 256

model = dict(
    backbone=dict(stage_blocks=(2, 2, 2), base_channels=16, time_pool=False),
    cls_head=dict(
        in_channels=in_channels, num_heads=4, head_channels=32, hidden_channels=512
    ),
)
