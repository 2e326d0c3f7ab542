# A static temporal convolution, learnt from real videos alone.
_base_ = [
    '../_base_/models/t_conv_lite0.py',
    '../_base_/datasets/pseudo_fake.py',
    '../_base_/schedules/pseudo_fake.py',
    '../_base_/default_runtime.py',
]
