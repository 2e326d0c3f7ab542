# Prepared faces of FaceForensics++ LQ (c40), with the paper's four manipulations:
# python tools/prepare.py ffpp data/ffpp --out data/ffpp_faces
data_root = 'data/ffpp_faces'
methods = ['Deepfakes', 'Face2Face', 'FaceSwap', 'NeuralTextures']
compression = 'c40'

num_frames = 4  # T, frames per snippet, Sec. 4.1
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
# Parts of the pipelines; a config that changes one rebuilds the pipelines.
sample_train = [
    dict(type='OpenVideo'),
    dict(type='SampleSnippets', num_snippets=num_snippets_train, clip_len=num_frames),
]
sample_test = [
    dict(type='OpenVideo'),
    dict(
        type='SampleSnippets',
        num_snippets=num_snippets_test,
        clip_len=num_frames,
        position='centred',
    ),
]
decode_steps = [dict(type='DecodeFrames')]
crop_face_steps = [dict(type='CropFace')]
resize_steps = [dict(type='Resize', scale=(side_px, side_px), keep_ratio=False)]
crop = [*crop_face_steps, *resize_steps]
flip_steps = [dict(type='Flip', flip_ratio=0.5)]
train_frames = [*decode_steps, *crop, *flip_steps]
test_frames = [*decode_steps, *crop]
format_shape_steps = [dict(type='FormatShape', input_format='NCHW')]
pack_inputs_steps = [dict(type='PackActionInputs', meta_keys=meta_keys)]
pack = [*format_shape_steps, *pack_inputs_steps]

train_pipeline = [*sample_train, *train_frames, *pack]
test_pipeline = [*sample_test, *test_frames, *pack]

dataset = dict(
    type='DeepfakeDataset',
    data_root=data_root,
    prepared_from=['ffpp', 'data/ffpp'],
    methods=methods,
    compression=compression,
    footage='real video',  # or 'rendered'; checkpoints tell what they have seen
)
train_dataloader = dict(
    batch_size=12,  # per GPU, Sec. 4.1
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        **dataset,
        split='train',
        # Four manipulations: list each real video four times.
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
