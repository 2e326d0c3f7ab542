# S-MIL on half of Xception's channels and two of eight middle blocks, for small sets.
_base_ = ['s_mil.py']

model = dict(
    backbone=dict(pretrained=None, num_middle_blocks=2, width_ratio=0.5),
    cls_head=dict(in_channels=1024),
)
