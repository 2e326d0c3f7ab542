# Table 4c, RATF in stage 3 only.
_base_ = '../ratf_r50_ffpp_lq.py'

model = dict(backbone=dict(ratf_stages=(False, False, True, False)))
