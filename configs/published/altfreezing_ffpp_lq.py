# AltFreezing on FaceForensics++ LQ under the recipe of its public settings, not RATF's,
# with the paper's augmentations as we read them. By default it starts from ImageNet,
# not Kinetics (see the model); faces are RATF's crops, the authors align each clip. At
# test it has eight windows, not all overlapping ones.
_base_ = [
    '../_base_/models/i3d_r50.py',
    '../_base_/datasets/ffpp_lq_clips32.py',
    '../_base_/schedules/warmup_cosine.py',
    '../_base_/default_runtime.py',
]

train_pipeline = [
    *_base_.sample_train,
    dict(type='DropOrRepeatFrames', ratio=0.5),
    *_base_.decode_steps,
    *_base_.crop,
    dict(type='BlendClipWithItself', ratio=0.5),
    *_base_.flip_steps,
    *_base_.pack,
]
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))

max_epochs = 1000
optim_wrapper = dict(
    optimizer=dict(lr=0.05),
    paramwise_cfg=dict(norm_decay_mult=0),
)
param_scheduler = [
    _base_.warmup,
    dict(_base_.cosine, T_max=max_epochs - _base_.warmup_epochs),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=10)

custom_hooks = [*_base_.custom_hooks, dict(type='AltFreezingHook')]
find_unused_parameters = True
