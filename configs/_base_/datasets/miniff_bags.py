# MiniFF for methods that treat a video as a bag of faces: 16 evenly spaced frames.
_base_ = ['miniff_spread.py']

num_snippets_train, num_snippets_test = 16, 16

snippets = dict(type='SampleSnippets', clip_len=_base_.num_frames)
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
