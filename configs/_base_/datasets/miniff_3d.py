# MiniFF, the same frames in the layout of 3D networks.
_base_ = ['miniff.py']

pack = [dict(type='FormatShape', input_format='NCTHW'), *_base_.pack[1:]]
train_pipeline = [*_base_.train_pipeline[: -len(_base_.pack)], *pack]
test_pipeline = [*_base_.test_pipeline[: -len(_base_.pack)], *pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
