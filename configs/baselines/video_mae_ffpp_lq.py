# VideoMAE, RATF's recipe on FaceForensics++ LQ.
_base_ = [
    '../_base_/models/video_mae.py',
    '../_base_/datasets/ffpp_lq_clips.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]
