# Second stage of the starter: RATF on single snippets.
# --cfg-options load_from=work_dirs/efficientnet_lite0_starter/epoch_40.pth
_base_ = ['ratf_lite0_pseudo_fake.py']

max_epochs = 10
learning_rate = 1e-4  # at 3e-4 it unlearnt what the frames had taught
sample_train = [
    dict(type='OpenVideo'),
    # More pairs in place of more snippets: there is no CSA to compare them.
    dict(type='SampleSnippets', num_snippets=1, clip_len=_base_.num_frames),
]
train_pipeline = [
    *sample_train,
    *_base_.decode_steps,
    *_base_.crop_train,
    *_base_.forge_steps,
    *_base_.degrade_train,
    *_base_.flip_steps,
    *_base_.map_steps,
    *_base_.pack_train,
]
# Four pairs: maps of more do not stay in the cache of a core.
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
custom_hooks = [*_base_.custom_hooks, dict(type='ChannelsLastHook')]
model = dict(
    backbone=dict(norm_eval=True),  # the statistics of the first stage's larger batches
    cls_head=dict(dropout_ratio=0.2),
)
optim_wrapper = dict(optimizer=dict(lr=learning_rate), clip_grad=dict(max_norm=20))
param_scheduler = [
    dict(_base_.param_scheduler[0], eta_max=learning_rate, total_steps=max_epochs)
]
train_cfg = dict(max_epochs=max_epochs, val_begin=5, val_interval=5)
