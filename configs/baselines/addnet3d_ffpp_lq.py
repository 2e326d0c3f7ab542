# ADDNet-3D, a reconstruction, RATF's recipe on FaceForensics++ LQ, with faces
# prepared by --landmarks.
_base_ = [
    '../_base_/models/addnet3d.py',
    '../_base_/datasets/ffpp_lq_clips.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]

# After crop, resize and flip, which the landmarks follow.
mask = [dict(type='LoadFaceLandmarks'), dict(type='FaceAttentionMask')]
train_pipeline = [
    *_base_.sample_train,
    *_base_.train_frames,
    *mask,
    *_base_.pack,
]
test_pipeline = [
    *_base_.sample_test,
    *_base_.test_frames,
    *mask,
    *_base_.pack,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
