# Ablation: a static temporal convolution instead of RATF, no CSA.
_base_ = ['ratf_r18.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='TConvNet',
        depth=18,
        clip_len=_base_.clip_len,
        t_conv_cfg=dict(init='difference'),  # as RATF's
    )
)
