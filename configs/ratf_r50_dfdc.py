# The paper's recipe on DFDC in full.
_base_ = [
    '_base_/models/ratf_csa_r50.py',
    '_base_/datasets/dfdc.py',
    '_base_/schedules/adam_45e.py',
    '_base_/default_runtime.py',
]
