# MiniFF for methods that compare equidistant frames of the entire video.
_base_ = ['miniff.py']

num_frames = 1
num_snippets_train, num_snippets_test = 8, 8

snippets = dict(type='SampleSnippets', clip_len=num_frames)
sample_train = [
    dict(type='OpenVideo'),
    dict(**snippets, num_snippets=num_snippets_train),
]
sample_test = [
    dict(type='OpenVideo'),
    dict(**snippets, num_snippets=num_snippets_test, position='centred'),
]
train_pipeline = [*sample_train, *_base_.train_frames, *_base_.pack]
test_pipeline = [*sample_test, *_base_.test_frames, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
