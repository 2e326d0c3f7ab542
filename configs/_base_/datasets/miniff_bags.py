# MiniFF for methods that take a video for a bag of faces: 16
# frames, evenly spread, in training and at test.
_base_ = ['miniff_spread.py']

num_snippets_train, num_snippets_test = 16, 16

train_pipeline = [
    dict(type='OpenVideo'),
    dict(
        type='SampleSnippets',
        num_snippets=num_snippets_train,
        clip_len=_base_.num_frames,
    ),
    *_base_.train_pipeline[2:],
]
test_pipeline = [
    dict(type='OpenVideo'),
    dict(
        type='SampleSnippets',
        num_snippets=num_snippets_test,
        clip_len=_base_.num_frames,
        position='centred',
    ),
    *_base_.test_pipeline[2:],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
