# FaceNetLSTM, a reconstruction, RATF's recipe on FaceForensics++ LQ.
_base_ = [
    '../_base_/models/facenet_lstm.py',
    '../_base_/datasets/ffpp_lq.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]

# The size of its weights' training.
resize_steps = [dict(type='Resize', scale=(160, 160), keep_ratio=False)]
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
