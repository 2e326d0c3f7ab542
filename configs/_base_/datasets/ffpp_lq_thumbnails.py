# FaceForensics++ at low quality, the same frames as pictures of four.
_base_ = ['ffpp_lq.py']

pack = [dict(type='ThumbnailLayout', rows=2, columns=2), *_base_.pack]
train_pipeline = [*_base_.train_pipeline[: -len(_base_.pack)], *pack]
test_pipeline = [*_base_.test_pipeline[: -len(_base_.pack)], *pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
