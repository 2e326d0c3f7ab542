# DSANet on the built-in set.
_base_ = [
    '../_base_/models/dsanet_r18.py',
    '../_base_/datasets/miniff_3d.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]

sample_train = [
    dict(type='OpenVideo'),
    dict(
        type='SampleSnippets',
        num_snippets=_base_.model.backbone.num_snippets,
        clip_len=_base_.num_frames,
    ),
]
train_pipeline = [*sample_train, *_base_.train_frames, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
