# RATF + CSA on ResNet-50, the paper's model.
clip_len = 4  # T, Sec. 4.1
in_channels = 2048  # of ResNet-50's last map

model = dict(
    type='SnippetRecognizer',
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        format_shape='NCHW',
    ),
    backbone=dict(
        type='RATFNet',
        depth=50,
        clip_len=clip_len,
        # A path works as well: --cfg-options model.backbone.pretrained=PATH
        pretrained='https://download.pytorch.org/models/resnet50-0676ba61.pth',
        ratf_cfg=dict(
            num_basis=8,  # r, Table 4b
            split_ratio=0.5,  # gamma, Sec. 4.1
            temperature=0.01,  # tau, Sec. 4.1
        ),
        ratf_stages=(True, True, True, True),  # Table 4c
    ),
    neck=dict(
        type='CrossSnippetAttention',
        in_channels=in_channels,
        clip_len=clip_len,
        reduction=8,  # Sec. 3.3
    ),
    cls_head=dict(
        type='TSNHead',
        num_classes=2,
        in_channels=in_channels,
        dropout_ratio=0,
        init_std=0.01,
        topk=(1,),
        average_clips='prob',
    ),
)
