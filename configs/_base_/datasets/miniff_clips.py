# MiniFF for 3D networks: clips of 16 frames, every second one, one in training and two
# at test, as many frames as other models.
_base_ = ['miniff_3d.py']

clip = dict(type='SampleSnippets', clip_len=16, stride_frames=2)
sample_train = [
    dict(type='OpenVideo'),
    dict(**clip, num_snippets=1),
]
sample_test = [
    dict(type='OpenVideo'),
    dict(**clip, num_snippets=2, position='centred'),
]
train_pipeline = [*sample_train, *_base_.train_frames, *_base_.pack]
test_pipeline = [*sample_test, *_base_.test_frames, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
