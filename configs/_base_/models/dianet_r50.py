# Baseline, a reconstruction: DIANet-like, pairs of frames with the marks of their
# facial parts as a fourth channel.
_base_ = ['ratf_csa_r50.py']

clip_len = 2
in_channels = 2048 + 2 * 256  # of ResNet-50's last map, and of the two branches

model = dict(
    clip_len=clip_len,
    data_preprocessor=dict(
        # The marks are bits and not normalised.
        mean=[*_base_.model.data_preprocessor.mean, 0],
        std=[*_base_.model.data_preprocessor.std, 1],
    ),
    backbone=dict(
        _delete_=True,
        type='DIANet',
        depth=50,
        pretrained=_base_.model.backbone.pretrained,
    ),
    neck=None,
    cls_head=dict(in_channels=in_channels),
)
