# FaceForensics++ at low quality for methods that compare frames across the whole video:
# single frames, evenly spread, since they take neighbours as equally far.
_base_ = ['ffpp_lq.py']

num_frames = 1
num_snippets_train, num_snippets_test = 8, 8

train_pipeline = [
    dict(type='OpenVideo'),
    dict(type='SampleSnippets', num_snippets=num_snippets_train, clip_len=num_frames),
    *_base_.train_pipeline[2:],
]
test_pipeline = [
    dict(type='OpenVideo'),
    dict(
        type='SampleSnippets',
        num_snippets=num_snippets_test,
        clip_len=num_frames,
        position='centred',
    ),
    *_base_.test_pipeline[2:],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
