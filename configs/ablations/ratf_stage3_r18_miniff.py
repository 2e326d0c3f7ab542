# Table 4c on the built-in set, RATF in stage 3 only.
_base_ = '../miniff/ratf_r18_miniff.py'

model = dict(backbone=dict(ratf_stages=(False, False, True, False)))
