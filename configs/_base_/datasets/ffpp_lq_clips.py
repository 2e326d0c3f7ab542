# FaceForensics++ LQ for 3D networks: clips of 16 frames, every second one.
_base_ = ['ffpp_lq.py']

# As many frames as other models: 16 per video in training, 32 at test.
num_frames, stride_frames = 16, 2
num_snippets_train, num_snippets_test = 1, 2

format_shape_steps = [dict(type='FormatShape', input_format='NCTHW')]
pack = [*format_shape_steps, *_base_.pack_inputs_steps]
snippets = dict(type='SampleSnippets', clip_len=num_frames, stride_frames=stride_frames)
sample_train = [
    dict(type='OpenVideo'),
    dict(**snippets, num_snippets=num_snippets_train),
]
sample_test = [
    dict(type='OpenVideo'),
    dict(**snippets, num_snippets=num_snippets_test, position='centred'),
]
train_pipeline = [*sample_train, *_base_.train_frames, *pack]
test_pipeline = [*sample_test, *_base_.test_frames, *pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
