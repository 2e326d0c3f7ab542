# Baseline DSANet on the slow-only 3D ResNet-50: snippets are convolved in fours.
_base_ = ['ratf_csa_r50.py']

num_snippets = 4  # U, fixed by the generator of the kernels

model = dict(
    type='SnippetRecognizer3D',
    data_preprocessor=dict(format_shape='NCTHW'),
    backbone=dict(
        _delete_=True,
        type='DSANet',
        depth=50,
        num_snippets=num_snippets,
        pretrained=_base_.model.backbone.pretrained,  # inflated
        zero_init_residual=False,  # as the public code
    ),
    neck=None,
    # The public code's dropout.
    cls_head=dict(type='SegmentAveragingHead', dropout_ratio=0.5),
)
