# Your own real videos, with pseudo-fakes made of them; sized for two CPU cores.
# python tools/prepare.py folder data/real --out data/real_faces
_base_ = ['own_faces.py']

data_root = 'data/real_faces'
num_frames = 4  # T, frames per snippet
num_snippets_train, num_snippets_test = 2, 4
side_px = 128  # many talking heads on the web have no more
margins_train, margin_test = (1.05, 1.4), 1.2
repeats = 10  # of every video in an epoch; some 40 videos make 400 pairs

# Kinds of pseudo-fakes; `weight` is the share of a kind in training.
kinds = [
    dict(type='SelfBlend', weight=4),
    dict(type='LipSync', weight=1.5),
    dict(type='SwapFace', weight=1.5),
    dict(type='AnimatePortrait', weight=1.5),
    dict(type='Resynthesise', weight=1.5),
]
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
resize_steps = [dict(type='Resize', scale=(side_px, side_px), keep_ratio=False)]
crop_train = [dict(type='CropFace', margin_ratio=margins_train), *resize_steps]
crop_test = [dict(type='CropFace', margin_ratio=margin_test), *resize_steps]
# Leaves videos that are not marked as pseudo-fakes as they are.
forge_steps = [dict(type='MakePseudoFake', kinds=kinds)]
# Where frames were forged, for LocalisingHead; a last map has a cell for 32 pixels.
map_steps = [dict(type='MapForgery', side=-(-side_px // 32))]
pack_train = [
    *_base_.format_shape_steps,
    dict(type='PackActionInputs', meta_keys=(*_base_.meta_keys, 'forgery_map')),
]
# After the forgery, so that compression does not tell real from fake.
degrade_train = [dict(type='DegradeClip')]
degrade_val = [dict(type='DegradeClip', fixed=True)]

train_pipeline = [
    *sample_train,
    *_base_.decode_steps,
    *crop_train,
    *forge_steps,
    *degrade_train,
    *_base_.flip_steps,
    *map_steps,
    *pack_train,
]
val_pipeline = [
    *sample_test,
    *_base_.decode_steps,
    *crop_test,
    *forge_steps,
    *degrade_val,
    *_base_.pack,
]
# tools/calibrate.py reads the validation, with its pseudo-fakes, by these steps.
test_pipeline = [
    *sample_test,
    *_base_.decode_steps,
    *crop_test,
    *forge_steps,
    *_base_.pack,
]

dataset = dict(data_root=data_root, prepared_from=['folder', 'data/real'])
train_dataloader = dict(
    batch_size=12,  # six pairs
    num_workers=1,
    sampler=dict(_delete_=True, type='PairSampler', shuffle=True),
    dataset=dict(
        **dataset,
        type='PseudoFakeDataset',
        repeats=repeats,
        real_fake_balance=None,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    num_workers=1,
    dataset=dict(**dataset, type='PseudoFakeDataset', pipeline=val_pipeline),
)
# Real videos and real fakes, where there are some.
test_dataloader = dict(num_workers=1, dataset=dict(**dataset, pipeline=test_pipeline))
