# FaceForensics++ at low quality for 3D networks: clips of 16 frames, every second one.
_base_ = ['ffpp_lq.py']

# As many frames as the other rows see: 16 a video in training, 32 at test.
num_frames, stride_frames = 16, 2
num_snippets_train, num_snippets_test = 1, 2

pack = [dict(type='FormatShape', input_format='NCTHW'), *_base_.pack[1:]]
train_pipeline = [
    dict(type='OpenVideo'),
    dict(
        type='SampleSnippets',
        num_snippets=num_snippets_train,
        clip_len=num_frames,
        stride_frames=stride_frames,
    ),
    *_base_.train_pipeline[2 : -len(_base_.pack)],
    *pack,
]
test_pipeline = [
    dict(type='OpenVideo'),
    dict(
        type='SampleSnippets',
        num_snippets=num_snippets_test,
        clip_len=num_frames,
        stride_frames=stride_frames,
        position='centred',
    ),
    *_base_.test_pipeline[2 : -len(_base_.pack)],
    *pack,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
