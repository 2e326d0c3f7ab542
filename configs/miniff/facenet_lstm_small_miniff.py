# FaceNetLSTM, its CNN small and from random weights, on the built-in set.
_base_ = [
    '../_base_/models/facenet_lstm_small.py',
    '../_base_/datasets/miniff.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]

# Its layers leave nothing of less than 75 pixels.
resize = dict(type='Resize', scale=(80, 80), keep_ratio=False)
train_pipeline = [*_base_.train_pipeline[:4], resize, *_base_.train_pipeline[5:]]
test_pipeline = [*_base_.test_pipeline[:4], resize, *_base_.test_pipeline[5:]]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
