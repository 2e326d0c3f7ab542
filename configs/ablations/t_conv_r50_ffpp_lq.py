# Table 4a, + T-Conv: a static temporal convolution instead of RATF, no CSA.
_base_ = '../ratf_r50_ffpp_lq.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='TConvNet',
        depth=50,
        clip_len=_base_.clip_len,
        pretrained=_base_.model.backbone.pretrained,
    ),
    neck=None,
)
