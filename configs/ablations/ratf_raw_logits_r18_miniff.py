# Eq. (3) on the logits as they are: one basis filter comes to rule all positions.
_base_ = '../miniff/ratf_r18_miniff.py'

model = dict(backbone=dict(ratf_cfg=dict(logit_norm=None)))
