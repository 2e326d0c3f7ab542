# MiniFF, the same frames in the layout of 3D networks.
_base_ = ['miniff.py']

format_shape_steps = [dict(type='FormatShape', input_format='NCTHW')]
pack = [*format_shape_steps, *_base_.pack_inputs_steps]
train_pipeline = [*_base_.sample_train, *_base_.train_frames, *pack]
test_pipeline = [*_base_.sample_test, *_base_.test_frames, *pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
