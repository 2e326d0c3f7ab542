# TAM inside RATF's snippets of 4 frames, on RATF's frames: the like-for-like row.
_base_ = [
    '../_base_/models/tam_r50.py',
    '../_base_/datasets/ffpp_lq.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    clip_len=_base_.num_frames,
    backbone=dict(num_segments=_base_.num_frames),
    # TSMHead would give one row a snippet, in training as well, for one label a video;
    # TSNHead averages all frames of the video, with the same weights.
    cls_head=dict(
        _delete_=True,
        type='TSNHead',
        num_classes=2,
        in_channels=_base_.model.cls_head.in_channels,
        dropout_ratio=_base_.model.cls_head.dropout_ratio,
        init_std=_base_.model.cls_head.init_std,
        topk=(1,),
        average_clips='prob',
    ),
)
