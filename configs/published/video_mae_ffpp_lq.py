# VideoMAE on FaceForensics++ LQ, fine-tuned as its authors do on Kinetics, without
# their augmentations (RandAugment, mixup, cutmix, erasing). The paper has no forgeries.
_base_ = [
    '../_base_/models/video_mae.py',
    '../_base_/datasets/ffpp_lq_clips.py',
    '../_base_/schedules/warmup_cosine.py',
    '../_base_/default_runtime.py',
]

# Consecutive frames; four clips at test.
stride_frames, num_snippets_test = 1, 4
batch_size = 8

train_pipeline = [
    dict(type='OpenVideo'),
    dict(
        type='SampleSnippets',
        num_snippets=_base_.num_snippets_train,
        clip_len=_base_.num_frames,
        stride_frames=stride_frames,
    ),
    *_base_.train_frames,
    *_base_.pack,
]
test_pipeline = [
    dict(type='OpenVideo'),
    dict(
        type='SampleSnippets',
        num_snippets=num_snippets_test,
        clip_len=_base_.num_frames,
        stride_frames=stride_frames,
        position='centred',
    ),
    *_base_.test_frames,
    *_base_.pack,
]
train_dataloader = dict(batch_size=batch_size, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

model = dict(backbone=dict(drop_path_rate=0.1))

warmup_epochs, max_epochs = 5, 30
optim_wrapper = dict(
    optimizer=dict(
        _delete_=True,
        type='AdamW',
        lr=5e-4 * batch_size / 256,
        betas=(0.9, 0.999),
        weight_decay=0.05,
    ),
    constructor='LearningRateDecayOptimizerConstructor',
    paramwise_cfg=dict(decay_rate=0.75, decay_type='layer_wise', num_layers=12),
)
param_scheduler = [
    dict(_base_.warmup, start_factor=1e-3, end=warmup_epochs),
    dict(_base_.cosine, begin=warmup_epochs, T_max=max_epochs - warmup_epochs),
]
train_cfg = dict(max_epochs=max_epochs)
auto_scale_lr = dict(base_batch_size=batch_size)
