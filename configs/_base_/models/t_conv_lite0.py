# Ablation: a static temporal convolution instead of RATF, no CSA.
_base_ = ['ratf_lite0.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='TConvLite0',
        clip_len=_base_.clip_len,
        pretrained=_base_.model.backbone.pretrained,
    ),
)
