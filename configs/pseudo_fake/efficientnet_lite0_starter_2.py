# Second stage of the starter: the originals beside the generator's fakes lose detail, too.
# --cfg-options load_from=work_dirs/efficientnet_lite0_starter/epoch_40.pth
_base_ = ['efficientnet_lite0_starter.py']

max_epochs = 10
learning_rate = 1e-4
train_pipeline = [
    *_base_.sample_train,
    *_base_.decode_steps,
    *_base_.crop_train,
    dict(type='MakePseudoFake', kinds=_base_.kinds),
    dict(type='ReduceOriginal'),
    *_base_.degrade_train,
    *_base_.flip_steps,
    *_base_.map_steps,
    *_base_.pack_train,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
optim_wrapper = dict(optimizer=dict(lr=learning_rate))
param_scheduler = [
    dict(_base_.param_scheduler[0], eta_max=learning_rate, total_steps=max_epochs)
]
train_cfg = dict(max_epochs=max_epochs, val_begin=10, val_interval=10)
