# V4D on the built-in set.
_base_ = [
    '../_base_/models/v4d_r18.py',
    '../_base_/datasets/miniff.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]

# The same frames in the layout of 3D networks.
pack = [dict(type='FormatShape', input_format='NCTHW'), *_base_.pack[1:]]
train_pipeline = [*_base_.train_pipeline[:-2], *pack]
test_pipeline = [*_base_.test_pipeline[:-2], *pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
