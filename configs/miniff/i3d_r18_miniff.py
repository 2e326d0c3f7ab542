# I3D on the built-in set.
_base_ = [
    '../_base_/models/i3d_r18.py',
    '../_base_/datasets/miniff_clips.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]
