# RATF + CSA for a small set of your own, with prepared faces, without a GPU.
_base_ = [
    '_base_/models/ratf_csa_r18.py',
    '_base_/datasets/own_faces.py',
    '_base_/schedules/miniff.py',
    '_base_/default_runtime.py',
]

side_px = 96
max_epochs = 20
learning_rate = 3e-4

train_pipeline = [
    dict(type='OpenVideo'),
    dict(type='SampleSnippets', num_snippets=4, clip_len=4),
    dict(type='DecodeFrames'),
    dict(type='CropFace'),
    dict(type='Resize', scale=(side_px, side_px), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    *_base_.pack,
]
test_pipeline = [
    dict(type='OpenVideo'),
    dict(type='SampleSnippets', num_snippets=8, clip_len=4, position='centred'),
    dict(type='DecodeFrames'),
    dict(type='CropFace'),
    dict(type='Resize', scale=(side_px, side_px), keep_ratio=False),
    *_base_.pack,
]
train_dataloader = dict(
    batch_size=4, num_workers=1, dataset=dict(pipeline=train_pipeline)
)
val_dataloader = dict(num_workers=1, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(num_workers=1, dataset=dict(pipeline=test_pipeline))

optim_wrapper = dict(optimizer=dict(lr=learning_rate))
param_scheduler = [
    dict(
        type='OneCycleLR',
        eta_max=learning_rate,
        pct_start=0.1,
        total_steps=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
train_cfg = dict(max_epochs=max_epochs, val_begin=8, val_interval=2)
