# Baseline: VideoMAE, ViT-B/16. For clips of 16 frames.
_base_ = ['i3d_r50.py']

in_channels = 768

model = dict(
    backbone=dict(
        _delete_=True,
        type='VideoMAEVisionTransformer',
        num_frames=16,
        depth=12,
        # Pre-trained and fine-tuned on Kinetics-400. A path works as well, that of a
        # self-supervised checkpoint too: --cfg-options model.backbone.pretrained=PATH
        pretrained='https://download.openmmlab.com/mmaction/v1.0/recognition/videomae/'
        'vit-base-p16_videomae-k400-pre_16x4x1_kinetics-400_20221013-860a3cd3.pth',
    ),
    cls_head=dict(
        in_channels=in_channels,
        spatial_type=None,  # the backbone has taken the mean
        dropout_ratio=0,
        init_std=0.02,
    ),
)
