# FaceNetLSTM, its CNN small and from random weights, on the built-in set.
_base_ = [
    '../_base_/models/facenet_lstm_small.py',
    '../_base_/datasets/miniff_four_snippets.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]

# Its layers need 75 pixels or more.
resize_steps = [dict(type='Resize', scale=(80, 80), keep_ratio=False)]
train_frames = [
    *_base_.decode_steps,
    *_base_.crop_face_steps,
    *resize_steps,
    *_base_.flip_steps,
]
test_frames = [*_base_.decode_steps, *_base_.crop_face_steps, *resize_steps]
train_pipeline = [*_base_.sample_train, *train_frames, *_base_.pack]
test_pipeline = [*_base_.sample_test, *test_frames, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
