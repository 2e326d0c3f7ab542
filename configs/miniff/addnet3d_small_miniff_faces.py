# ADDNet-3D, a reconstruction, on the built-in set, prepared with landmarks.
_base_ = [
    '../_base_/models/addnet3d_small.py',
    '../_base_/datasets/miniff_faces.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]

# One clip of 16 frames, every second one, in training and two at test. After crop,
# resize and flip, which the landmarks follow, comes the mask.
clip = dict(type='SampleSnippets', clip_len=16, stride_frames=2)
mask = [dict(type='LoadFaceLandmarks'), dict(type='FaceAttentionMask')]
format_shape_steps = [dict(type='FormatShape', input_format='NCTHW')]
pack = [*format_shape_steps, *_base_.pack_inputs_steps]
train_pipeline = [
    dict(type='OpenVideo'),
    dict(**clip, num_snippets=1),
    *_base_.train_frames,
    *mask,
    *pack,
]
test_pipeline = [
    dict(type='OpenVideo'),
    dict(**clip, num_snippets=2, position='centred'),
    *_base_.test_frames,
    *mask,
    *pack,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
