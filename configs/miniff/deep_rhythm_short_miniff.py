# DeepRhythm on the built-in set: on 40 of its 48 frames, which hold two beats at most,
# and on unaligned frames, with heads in the middle. Rendered heads have no pulse;
# the run only shows that the code works.
_base_ = [
    '../_base_/models/deep_rhythm_short.py',
    '../_base_/datasets/miniff.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]

clip = dict(type='SampleSnippets', num_snippets=1, clip_len=_base_.clip_len)
maps = [dict(type='BuildMMSTMap', aligned=False), *_base_.pack_inputs_steps]
train_pipeline = [
    dict(type='OpenVideo'),
    clip,
    *_base_.train_frames,
    *maps,
]
test_pipeline = [
    dict(type='OpenVideo'),
    dict(**clip, position='centred'),
    *_base_.test_frames,
    *maps,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
