# Baseline: FTCN, I3D without spatial kernels and a transformer over time. For clips of
# 32 frames.
_base_ = ['i3d_r50.py']

num_tokens = 16  # time steps of the last map
in_channels = 1024

model = dict(
    backbone=dict(
        _delete_=True,
        type='FTCN',
        # Random, as in the paper: there are no ImageNet weights without space. The
        # authors' checkpoint, which has seen FaceForensics++, as a path:
        # --cfg-options model.backbone.pretrained=PATH
        pretrained=None,
    ),
    cls_head=dict(
        type='TimeTransformerHead',
        num_tokens=num_tokens,
        in_channels=in_channels,
        dropout_ratio=0.1,
    ),
)
