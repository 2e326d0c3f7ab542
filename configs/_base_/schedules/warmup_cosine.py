# Warm-up, then cosine decay to zero, for published recipes; the numbers are FTCN's,
# other configs set their own.
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
cosine = dict(
    type='CosineAnnealingLR',
    begin=warmup_epochs,
    T_max=max_epochs - warmup_epochs,
    by_epoch=True,
    convert_to_iter_based=True,
)
param_scheduler = [warmup, cosine]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=16)
