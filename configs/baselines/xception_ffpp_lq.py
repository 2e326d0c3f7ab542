# Xception on frames, RATF's recipe on FaceForensics++ LQ.
_base_ = [
    '../_base_/models/xception.py',
    '../_base_/datasets/ffpp_lq_frames.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]
