# The paper's schedule, Sec. 4.1: Adam at 1e-4, divided by 10 at epochs 15 and 30 of 45.
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4, weight_decay=0)
)
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=True, milestones=[15, 30], gamma=0.1)
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=45, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# The paper's 8 GPUs with 12 videos each; used by --auto-scale-lr only.
auto_scale_lr = dict(enable=False, base_batch_size=96)
