# TALL-Swin on FaceForensics++ LQ under the recipe of its public code, not RATF's. One
# fault of that code is left out: its test cuts a square out of the frames, as training.
_base_ = [
    '../_base_/models/tall_swin.py',
    '../_base_/datasets/ffpp_lq_thumbnails.py',
    '../_base_/schedules/warmup_cosine.py',
    '../_base_/default_runtime.py',
]

num_snippets_train = 8

train_pipeline = [
    dict(type='OpenVideo'),
    dict(
        type='SampleSnippets',
        num_snippets=num_snippets_train,
        clip_len=_base_.num_frames,
    ),
    *_base_.decode_steps,
    *_base_.crop,
    dict(
        type='MultiScaleCrop',
        input_size=_base_.side_px,
        scales=(1, 0.875, 0.75, 0.66),
        num_fixed_crops=13,
    ),
    *_base_.resize_steps,
    *_base_.flip_steps,
    dict(type='CutOutSquare', side_ratio=16 / 112),
    *_base_.pack,
]
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=train_pipeline))

model = dict(cls_head=dict(label_smooth_eps=0.1))

learning_rate, max_epochs = 1.5e-5, 60
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=learning_rate, weight_decay=1e-5),
    paramwise_cfg=dict(
        norm_decay_mult=0,
        bias_decay_mult=0,
        custom_keys={'frame_position': dict(decay_mult=0)},
    ),
)
param_scheduler = [
    dict(_base_.warmup, start_factor=1e-3),
    dict(
        _base_.cosine,
        T_max=max_epochs - _base_.warmup_epochs,
        eta_min=learning_rate / 100,
    ),
]
train_cfg = dict(max_epochs=max_epochs)
auto_scale_lr = dict(base_batch_size=4)
