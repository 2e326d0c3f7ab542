# Table 4b, r = 2 basis filters.
_base_ = '../ratf_r50_ffpp_lq.py'

model = dict(backbone=dict(ratf_cfg=dict(num_basis=2)))
