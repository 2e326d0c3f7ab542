# TALL-Swin, RATF's recipe on FaceForensics++ LQ.
_base_ = [
    '../_base_/models/tall_swin.py',
    '../_base_/datasets/ffpp_lq_thumbnails.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]
