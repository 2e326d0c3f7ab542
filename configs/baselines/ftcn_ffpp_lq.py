# FTCN, RATF's recipe on FaceForensics++ LQ.
_base_ = [
    '../_base_/models/ftcn.py',
    '../_base_/datasets/ffpp_lq_clips.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]

# Half of the paper's frames, without temporal pooling, give as many tokens.
model = dict(backbone=dict(time_pool=False))
