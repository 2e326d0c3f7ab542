# DoubleRNN, a reconstruction, RATF's recipe on FaceForensics++ LQ.
_base_ = [
    '../_base_/models/double_rnn.py',
    '../_base_/datasets/ffpp_lq.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]

# Sequences of 8 consecutive frames: 16 frames a video in training and 32 at test, as
# many as for other models.
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
