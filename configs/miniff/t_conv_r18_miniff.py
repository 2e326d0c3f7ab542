# A static temporal convolution on the built-in set.
_base_ = [
    '../_base_/models/t_conv_r18.py',
    '../_base_/datasets/miniff.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]
