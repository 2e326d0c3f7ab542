# FaceNetLSTM, a reconstruction, RATF's recipe on FaceForensics++ LQ.
_base_ = [
    '../_base_/models/facenet_lstm.py',
    '../_base_/datasets/ffpp_lq.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]

# The size that its weights were trained at.
resize = dict(type='Resize', scale=(160, 160), keep_ratio=False)
train_pipeline = [*_base_.train_pipeline[:4], resize, *_base_.train_pipeline[5:]]
test_pipeline = [*_base_.test_pipeline[:4], resize, *_base_.test_pipeline[5:]]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
