# TALL-Swin, a quarter as wide, on the built-in set.
_base_ = [
    '../_base_/models/tall_swin_small.py',
    '../_base_/datasets/miniff_thumbnails.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]
