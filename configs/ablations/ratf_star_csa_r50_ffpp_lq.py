# Table 4a, + RATF* + CSA: RATF without its align convolution.
_base_ = '../ratf_r50_ffpp_lq.py'

model = dict(backbone=dict(ratf_cfg=dict(align='none')))
