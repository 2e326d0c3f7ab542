# Table 4a, + CSA: a plain ResNet-50 below it.
_base_ = '../ratf_r50_ffpp_lq.py'

model = dict(
    clip_len=_base_.clip_len,
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=50,
        pretrained=_base_.model.backbone.pretrained,
    ),
)
