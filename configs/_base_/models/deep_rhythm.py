# Baseline: DeepRhythm on maps of facial colour over 300 frames, without the scores of a
# frame detector (see BuildMMSTMap's score_root for those).
_base_ = ['ratf_csa_r50.py']

clip_len = 300
in_channels = 512

model = dict(
    data_preprocessor=dict(mean=None, std=None),  # BuildMMSTMap gives 0 to 1
    backbone=dict(
        _delete_=True,
        type='DeepRhythmNet',
        num_frames=clip_len,
        # As the public code has it: --cfg-options model.backbone.bn_axis=width
        bn_axis='channel',
    ),
    neck=None,
    cls_head=dict(type='OneLogitHead', in_channels=in_channels),
)
