# S-MIL, a reconstruction, on the built-in set.
_base_ = [
    '../_base_/models/s_mil_small.py',
    '../_base_/datasets/miniff_bags.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]
