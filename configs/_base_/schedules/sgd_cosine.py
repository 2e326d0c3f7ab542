# SGD that warms up over 10 epochs and then follows a cosine to nothing: the recipe of
# FTCN's public settings, and with other numbers of AltFreezing's.
warmup_epochs, max_epochs = 10, 100
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),
)
warmup = dict(
    type='LinearLR',
    start_factor=0.1,
    end=warmup_epochs,
    by_epoch=True,
    convert_to_iter_based=True,
)
param_scheduler = [
    warmup,
    dict(
        type='CosineAnnealingLR',
        begin=warmup_epochs,
        T_max=max_epochs - warmup_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=16)
