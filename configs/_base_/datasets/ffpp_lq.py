# FaceForensics++ at low quality (c40), the four manipulations of the paper, its faces
# prepared: python tools/prepare.py ffpp data/ffpp data/ffpp_faces
data_root = 'data/ffpp_faces'
methods = ['Deepfakes', 'Face2Face', 'FaceSwap', 'NeuralTextures']
compression = 'c40'

num_frames = 4  # T, frames of a snippet, Sec. 4.1
num_snippets_train, num_snippets_test = 4, 8  # Sec. 4.1
side_px = 224  # Sec. 4.1

meta_keys = (
    'video_key',
    'identities',
    'track',
    'frame_inds',
    'num_clips',
    'clip_len',
)
pack = [
    dict(type='FormatShape', input_format='NCHW'),
    dict(type='PackActionInputs', meta_keys=meta_keys),
]
train_pipeline = [
    dict(type='OpenVideo'),
    dict(type='SampleSnippets', num_snippets=num_snippets_train, clip_len=num_frames),
    dict(type='DecodeFrames'),
    dict(type='CropFace'),
    dict(type='Resize', scale=(side_px, side_px), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    *pack,
]
test_pipeline = [
    dict(type='OpenVideo'),
    dict(
        type='SampleSnippets',
        num_snippets=num_snippets_test,
        clip_len=num_frames,
        position='centred',
    ),
    dict(type='DecodeFrames'),
    dict(type='CropFace'),
    dict(type='Resize', scale=(side_px, side_px), keep_ratio=False),
    *pack,
]

dataset = dict(
    type='DeepfakeDataset',
    data_root=data_root,
    prepared_from=['ffpp', 'data/ffpp'],
    methods=methods,
    compression=compression,
)
train_dataloader = dict(
    batch_size=12,  # a GPU, Sec. 4.1
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        **dataset,
        split='train',
        # Four manipulations make four fakes a real video: list each real four times.
        real_fake_balance='repeat_real',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, split='val', pipeline=test_pipeline, test_mode=True),
)
test_dataloader = dict(
    batch_size=8,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, split='test', pipeline=test_pipeline, test_mode=True),
)
val_evaluator = dict(type='DeepfakeMetric')
test_evaluator = dict(type='DeepfakeMetric')
