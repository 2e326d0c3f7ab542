# The paper's model and sizes, learnt from real videos alone, on GPUs.
_base_ = [
    '../_base_/models/ratf_csa_r50.py',
    '../_base_/datasets/pseudo_fake_r50.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]
model = dict(cls_head=dict(type='LocalisingHead'))
