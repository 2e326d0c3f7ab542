# Two and a half minutes on two CPU cores for RATF + CSA.
max_epochs = 3
learning_rate = 5e-4
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=learning_rate),
    # The gradient of the softmax at temperature 0.01 has spikes.
    clip_grad=dict(max_norm=5),
)
param_scheduler = [
    dict(
        type='OneCycleLR',
        eta_max=learning_rate,
        pct_start=0.1,
        total_steps=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
train_cfg = dict(
    type='EpochBasedTrainLoop',
    max_epochs=max_epochs,
    val_interval=1,
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=8)
