# The paper's recipe on Celeb-DF v1.
_base_ = [
    '_base_/models/ratf_csa_r50.py',
    '_base_/datasets/celeb_df_v1.py',
    '_base_/schedules/adam_45e.py',
    '_base_/default_runtime.py',
]
