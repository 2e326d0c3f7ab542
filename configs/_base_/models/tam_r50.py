# Baseline TAM on ResNet-50: 8 frames spread over the video.
_base_ = ['ratf_csa_r50.py']

num_segments = 8  # T; the paper has 8 and 16

model = dict(
    backbone=dict(
        _delete_=True,
        type='TAMResNet',
        depth=50,
        num_segments=num_segments,
        pretrained=_base_.model.backbone.pretrained,
    ),
    neck=None,
    cls_head=dict(
        type='TSMHead',
        num_segments=num_segments,
        dropout_ratio=0.5,  # this and the next of the public code
        init_std=0.001,
    ),
)
