# DoubleRNN on a small DenseNet, on the built-in set.
_base_ = [
    '../_base_/models/double_rnn_small.py',
    '../_base_/datasets/miniff.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]

# Sequences of 8 consecutive frames, as many frames as other models.
clip = dict(type='SampleSnippets', clip_len=_base_.sequence_len)
train_pipeline = [
    dict(type='OpenVideo'),
    dict(**clip, num_snippets=2),
    *_base_.train_frames,
    *_base_.pack,
]
test_pipeline = [
    dict(type='OpenVideo'),
    dict(**clip, num_snippets=4, position='centred'),
    *_base_.test_frames,
    *_base_.pack,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
