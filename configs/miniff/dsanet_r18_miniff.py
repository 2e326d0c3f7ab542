# DSANet on the built-in set.
_base_ = [
    '../_base_/models/dsanet_r18.py',
    '../_base_/datasets/miniff_3d.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]
