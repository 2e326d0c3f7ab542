# RATF + CSA on ResNet-18, learnt from real videos alone.
_base_ = [
    '../_base_/models/ratf_csa_r18.py',
    '../_base_/datasets/pseudo_fake.py',
    '../_base_/schedules/pseudo_fake.py',
    '../_base_/default_runtime.py',
]
model = dict(cls_head=dict(type='LocalisingHead'))
