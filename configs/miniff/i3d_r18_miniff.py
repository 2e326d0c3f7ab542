# I3D on the built-in set.
_base_ = [
    '../_base_/models/i3d_r18.py',
    '../_base_/datasets/miniff.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]

# One clip of 16 frames, every second one, in training and two at test: as many frames
# as the other models see. All that follows the sampler is inherited but the format.
clip = dict(type='SampleSnippets', clip_len=16, stride_frames=2)
pack = [dict(type='FormatShape', input_format='NCTHW'), *_base_.pack[1:]]
train_pipeline = [
    dict(type='OpenVideo'),
    dict(**clip, num_snippets=1),
    *_base_.train_pipeline[2 : -len(_base_.pack)],
    *pack,
]
test_pipeline = [
    dict(type='OpenVideo'),
    dict(**clip, num_snippets=2, position='centred'),
    *_base_.test_pipeline[2 : -len(_base_.pack)],
    *pack,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
