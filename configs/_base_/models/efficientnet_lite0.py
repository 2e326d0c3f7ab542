# Baseline: EfficientNet-Lite0 on single frames; the frames' logits are averaged.
_base_ = ['ratf_lite0.py']

model = dict(
    clip_len=_base_.clip_len,  # scores are per snippet, as for the other models
    backbone=dict(
        _delete_=True,
        type='EfficientNetLite0',
        pretrained=_base_.model.backbone.pretrained,
    ),
)
