# A few minutes on two CPU cores.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=5e-4),
    # The gradient through the softmax at 0.01 has spikes.
    clip_grad=dict(max_norm=5),
)
max_epochs = 12
param_scheduler = [
    dict(
        type='OneCycleLR',
        eta_max=5e-4,
        total_steps=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=2)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=8)
