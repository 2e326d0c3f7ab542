# DIANet-like, a reconstruction, RATF's recipe on FaceForensics++ LQ, with faces
# prepared by --landmarks.
_base_ = [
    '../_base_/models/dianet_r50.py',
    '../_base_/datasets/ffpp_lq.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]

# Eight pairs of neighbouring frames. After crop, resize and flip, which the landmarks
# follow, come the marks of the parts.
pairs = dict(type='SampleSnippets', num_snippets=8, clip_len=_base_.clip_len)
marks = [dict(type='LoadFaceLandmarks'), dict(type='MarkFacialParts')]
train_pipeline = [
    dict(type='OpenVideo'),
    pairs,
    *_base_.train_frames,
    *marks,
    *_base_.pack,
]
test_pipeline = [
    dict(type='OpenVideo'),
    dict(**pairs, position='centred'),
    *_base_.test_frames,
    *marks,
    *_base_.pack,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
