# RATF without its align convolution (RATF* of Table 4a), and CSA, on the built-in set.
_base_ = 'ratf_r18_miniff.py'

model = dict(backbone=dict(ratf_cfg=dict(align='none')))
