# VideoMAE, an eighth as wide, on the built-in set.
_base_ = [
    '../_base_/models/video_mae_small.py',
    '../_base_/datasets/miniff_clips.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]
