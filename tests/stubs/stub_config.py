_base_ = ['../../configs/_base_/default_runtime.py']
custom_imports = dict(
    imports=['mmdeepfake', 'stubs.stub_parts'], allow_failed_imports=False
)

data_root = '.'
clip_len = 4

model = dict(
    type='Recognizer2D',
    backbone=dict(type='StubBackbone', width=4, clip_len=clip_len),
    cls_head=dict(
        type='TSNHead',
        num_classes=2,
        in_channels=4,
        topk=(1,),
        average_clips='prob',
        spatial_type='avg',
    ),
    data_preprocessor=dict(
        type='ActionDataPreprocessor', mean=[128.0] * 3, std=[64.0] * 3
    ),
)
pipeline = [dict(type='SampleSnippets', clip_len=clip_len, num_snippets=1)]
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='StubVideos', num_videos=8, data_root=data_root, pipeline=pipeline
    ),
)
val_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='StubVideos',
        num_videos=5,
        data_root=data_root,
        split='val',
        pipeline=pipeline,
    ),
)
test_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='StubVideos',
        num_videos=7,
        data_root=data_root,
        split='test',
        pipeline=pipeline,
    ),
)
val_evaluator = dict(type='DeepfakeMetric', num_resamples=20)
test_evaluator = val_evaluator
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-2))
param_scheduler = [dict(type='MultiStepLR', milestones=[1], by_epoch=True)]
auto_scale_lr = dict(enable=False, base_batch_size=4)
