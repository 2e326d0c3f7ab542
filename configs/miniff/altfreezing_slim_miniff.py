# AltFreezing, a quarter as wide, on the built-in set.
_base_ = [
    '../_base_/models/i3d_slim_r50.py',
    '../_base_/datasets/miniff_clips.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]

custom_hooks = [*_base_.custom_hooks, dict(type='AltFreezingHook')]
find_unused_parameters = True
