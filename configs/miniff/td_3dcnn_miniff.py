# TD-3DCNN, from random weights, on the built-in set: 16 of 32 consecutive frames.
_base_ = [
    '../_base_/models/td_3dcnn.py',
    '../_base_/datasets/miniff_3d.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]

num_frames, keep = 32, 16
clip = dict(type='SampleSnippets', clip_len=num_frames)
train_pipeline = [
    dict(type='OpenVideo'),
    dict(**clip, num_snippets=1),
    dict(type='TemporalDropout', keep=keep),
    *_base_.train_frames,
    *_base_.pack,
]
test_pipeline = [
    dict(type='OpenVideo'),
    dict(**clip, num_snippets=2, position='centred'),
    dict(type='TemporalDropout', keep=keep, position='uniform'),
    *_base_.test_frames,
    *_base_.pack,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
