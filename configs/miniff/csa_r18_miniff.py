# CSA on a plain ResNet-18, no RATF, on the built-in set.
_base_ = 'ratf_r18_miniff.py'

model = dict(
    clip_len=_base_.clip_len,
    backbone=dict(_delete_=True, type='ResNet', depth=18, pretrained=None),
)
