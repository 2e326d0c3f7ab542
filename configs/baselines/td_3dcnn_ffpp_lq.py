# TD-3DCNN, a reconstruction, RATF's recipe on FaceForensics++ LQ.
_base_ = [
    '../_base_/models/td_3dcnn.py',
    '../_base_/datasets/ffpp_lq_clips.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]

# The network gets 16 of 32 consecutive frames, as many as other models.
num_frames, keep = 32, 16
train_pipeline = [
    dict(type='OpenVideo'),
    dict(
        type='SampleSnippets',
        num_snippets=_base_.num_snippets_train,
        clip_len=num_frames,
    ),
    dict(type='TemporalDropout', keep=keep),
    *_base_.train_frames,
    *_base_.pack,
]
test_pipeline = [
    dict(type='OpenVideo'),
    dict(
        type='SampleSnippets',
        num_snippets=_base_.num_snippets_test,
        clip_len=num_frames,
        position='centred',
    ),
    dict(type='TemporalDropout', keep=keep, position='uniform'),
    *_base_.test_frames,
    *_base_.pack,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
