# FaceForensics++ at low quality, the same frames as pictures of four.
_base_ = ['ffpp_lq.py']

layout_steps = [dict(type='ThumbnailLayout', rows=2, columns=2)]
pack = [*layout_steps, *_base_.pack]
train_pipeline = [*_base_.sample_train, *_base_.train_frames, *pack]
test_pipeline = [*_base_.sample_test, *_base_.test_frames, *pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
