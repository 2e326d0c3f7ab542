# A small Xception on single frames of the built-in set.
_base_ = [
    '../_base_/models/xception_small.py',
    '../_base_/datasets/miniff.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]
