# RATF + CSA, learnt from real videos alone, on two CPU cores.
_base_ = [
    '../_base_/models/ratf_csa_lite0.py',
    '../_base_/datasets/pseudo_fake.py',
    '../_base_/schedules/pseudo_fake.py',
    '../_base_/default_runtime.py',
]
