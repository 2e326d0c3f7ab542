# The recipe of Table 2 on Celeb-DF++.
_base_ = [
    '_base_/models/ratf_csa_r50.py',
    '_base_/datasets/celeb_df_pp.py',
    '_base_/schedules/adam_45e.py',
    '_base_/default_runtime.py',
]
