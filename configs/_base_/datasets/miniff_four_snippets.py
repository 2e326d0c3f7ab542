# MiniFF for models with a fixed number of snippets or frames in training.
_base_ = ['miniff.py']

num_snippets_train = 4
sample_train = [
    dict(type='OpenVideo'),
    dict(
        type='SampleSnippets',
        num_snippets=num_snippets_train,
        clip_len=_base_.num_frames,
    ),
]
train_pipeline = [*sample_train, *_base_.train_frames, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
