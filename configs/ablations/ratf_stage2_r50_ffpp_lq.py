# Table 4c, RATF in stage 2 only.
_base_ = '../ratf_r50_ffpp_lq.py'

model = dict(backbone=dict(ratf_stages=(False, True, False, False)))
