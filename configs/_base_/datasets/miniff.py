# MiniFF, the built-in set in FaceForensics++'s folders: tools/render_miniff.py OUT
_base_ = ['ffpp_lq.py']

data_root = 'data/miniff'
dataset_name = 'MiniFF'
side_px = 64

# Heads stand in the middle of the frame; a fixed box adds no motion of its own.
crop = [
    dict(type='CropFace', fallback='centre', centre_ratio=0.65),
    dict(type='Resize', scale=(side_px, side_px), keep_ratio=False),
]
train_pipeline = [
    dict(type='OpenVideo'),
    dict(type='SampleSnippets', num_snippets=4, clip_len=4),
    dict(type='DecodeFrames'),
    *crop,
    dict(type='Flip', flip_ratio=0.5),
    *_base_.pack,
]
test_pipeline = [
    dict(type='OpenVideo'),
    dict(type='SampleSnippets', num_snippets=8, clip_len=4, position='centred'),
    dict(type='DecodeFrames'),
    *crop,
    *_base_.pack,
]
dataset = dict(type='FaceForensics', data_root=data_root, dataset_name=dataset_name)
train_dataloader = dict(
    batch_size=4, num_workers=1, dataset=dict(**dataset, pipeline=train_pipeline)
)
val_dataloader = dict(
    batch_size=16, num_workers=1, dataset=dict(**dataset, pipeline=test_pipeline)
)
test_dataloader = dict(
    batch_size=16, num_workers=1, dataset=dict(**dataset, pipeline=test_pipeline)
)
