# Baseline: I3D, a ResNet-50 inflated to space and time. For clips of 16 frames.
in_channels = 2048  # of ResNet-50's last map

model = dict(
    type='Recognizer3D',
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        format_shape='NCTHW',
    ),
    backbone=dict(
        type='ResNet3d',
        depth=50,
        # ImageNet weights, inflated. Weights of this network itself, as from Kinetics:
        # --cfg-options model.backbone.pretrained=PATH model.backbone.pretrained2d=False
        pretrained='https://download.pytorch.org/models/resnet50-0676ba61.pth',
        pretrained2d=True,
        conv1_kernel=(5, 7, 7),
        # MMAction2's I3D has 2 and 2, which leave one step in time of 8 frames.
        conv1_stride_t=1,
        pool1_stride_t=1,
        inflate=((1, 1, 1), (1, 0, 1, 0), (1, 0, 1, 0, 1, 0), (0, 1, 0)),
        zero_init_residual=False,
    ),
    neck=None,
    cls_head=dict(
        # An I3DHead that averages the logits of a video's clips, in training as well.
        type='SegmentAveragingHead',
        num_classes=2,
        in_channels=in_channels,
        dropout_ratio=0.5,
        init_std=0.01,
        topk=(1,),
        average_clips='prob',
    ),
)
