# Table 4b on the built-in set, r = 16 basis filters.
_base_ = '../miniff/ratf_r18_miniff.py'

model = dict(backbone=dict(ratf_cfg=dict(num_basis=16)))
