# Baseline V4D on the slow-only 3D ResNet-50: all snippets of a video are convolved.
_base_ = ['ratf_csa_r50.py']

model = dict(
    type='SnippetRecognizer3D',
    data_preprocessor=dict(format_shape='NCTHW'),
    backbone=dict(
        _delete_=True,
        type='V4D',
        depth=50,
        r4d_blocks=((), (1, 3), (), ()),  # as the public code
        r4d_norm=True,  # as the paper's figure; the public code has none
        pretrained=_base_.model.backbone.pretrained,  # inflated
        zero_init_residual=False,  # as the public code
    ),
    neck=None,
    cls_head=dict(
        type='SegmentAveragingHead',
        dropout_ratio=0.5,  # this and the next of the public code
        init_std=0.001,
    ),
)
