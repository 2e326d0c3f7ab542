# Table 4a, ResNet-50: without RATF and CSA, on the same frames.
_base_ = '../ratf_r50_ffpp_lq.py'

model = dict(
    clip_len=_base_.clip_len,  # scores are per snippet
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=50,
        pretrained=_base_.model.backbone.pretrained,
    ),
    neck=None,
)
