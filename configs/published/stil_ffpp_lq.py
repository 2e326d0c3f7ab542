# STIL on FaceForensics++ LQ under the recipe of its public code, not RATF's. Two faults
# of that code are left out: at test it feeds frames out of order, and reverses some.
_base_ = ['../baselines/stil_ffpp_lq.py']

train_pipeline = [
    *_base_.sample_train,
    dict(type='ReverseTime', reverse_ratio=0.5),
    *_base_.decode_steps,
    dict(type='CropFace', margin_ratio=(1.0, 1.5), box='frame'),
    *_base_.resize_steps,
    *_base_.flip_steps,
    *_base_.pack,
]
test_pipeline = [
    *_base_.sample_test,
    *_base_.decode_steps,
    dict(type='CropFace', margin_ratio=1.3, box='frame'),
    *_base_.resize_steps,
    *_base_.pack,
]
train_dataloader = dict(batch_size=10, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

learning_rate = 1e-3
optim_wrapper = dict(optimizer=dict(lr=learning_rate, weight_decay=1e-5))
# A warm-up epoch, 5 at the full rate, 15 at a tenth of it, the rest at a twentieth.
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-3,
        end=1,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    dict(type='MultiStepLR', milestones=[6], gamma=0.1),
    dict(type='MultiStepLR', milestones=[21], gamma=0.5),
]
train_cfg = dict(max_epochs=100)
auto_scale_lr = dict(base_batch_size=80)  # 8 GPUs
