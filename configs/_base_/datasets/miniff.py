# MiniFF, the built-in set in FaceForensics++'s folders:
# python tools/render_miniff.py --out data/miniff
_base_ = ['ffpp_lq.py']

data_root = 'data/miniff'
dataset_name = 'MiniFF'
side_px = 64
num_snippets_train = 2  # half of the paper's: twice the videos in a step

# Heads are in the middle of the frame; a fixed box adds no motion.
crop_face_steps = [dict(type='CropFace', fallback='centre', centre_ratio=0.65)]
resize_steps = [dict(type='Resize', scale=(side_px, side_px), keep_ratio=False)]
crop = [*crop_face_steps, *resize_steps]
sample_train = [
    dict(type='OpenVideo'),
    dict(
        type='SampleSnippets',
        num_snippets=num_snippets_train,
        clip_len=_base_.num_frames,
    ),
]
train_frames = [*_base_.decode_steps, *crop, *_base_.flip_steps]
test_frames = [*_base_.decode_steps, *crop]
train_pipeline = [*sample_train, *train_frames, *_base_.pack]
test_pipeline = [*_base_.sample_test, *test_frames, *_base_.pack]
dataset = dict(
    type='FaceForensics',
    data_root=data_root,
    dataset_name=dataset_name,
    footage='rendered',
)
train_dataloader = dict(
    batch_size=8, num_workers=1, dataset=dict(**dataset, pipeline=train_pipeline)
)
val_dataloader = dict(
    batch_size=16, num_workers=1, dataset=dict(**dataset, pipeline=test_pipeline)
)
test_dataloader = dict(
    batch_size=16, num_workers=1, dataset=dict(**dataset, pipeline=test_pipeline)
)
