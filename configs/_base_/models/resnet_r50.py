# Baseline: ResNet-50 on single frames; the frames' probabilities are averaged.
_base_ = ['ratf_csa_r50.py']

clip_len = 1

model = dict(
    type='FrameRecognizer',
    clip_len=clip_len,
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=50,
        pretrained=_base_.model.backbone.pretrained,
    ),
    neck=None,
)
