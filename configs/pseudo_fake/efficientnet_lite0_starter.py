# First stage of the starter: single frames. 2,600 steps of six pairs.
# A quarter of the fakes are a generator's: run tools/generate_fakes.py before.
_base_ = ['efficientnet_lite0_pseudo_fake.py']

max_epochs = 40
learning_rate = 4e-4
num_frames = 1  # four frames of four videos teach more than those of one
sample_train = [
    dict(type='OpenVideo'),
    dict(type='SampleSnippets', num_snippets=1, clip_len=num_frames),
]
sample_test = [
    dict(type='OpenVideo'),
    dict(
        type='SampleSnippets', num_snippets=8, clip_len=num_frames, position='centred'
    ),
]
# A single frame shows nothing of time.
kinds = [
    # Forgeries that an eye finds, since the others alone teach slowly at first.
    dict(
        type='SelfBlend',
        weight=2,
        regions=['face', 'inner', 'lower'],
        evidence=['spatial', 'both'],
        strengths=(1.5, 3),
        colour_strengths=(0.5, 1.25),
    ),
    dict(type='SelfBlend', weight=3, evidence=['spatial', 'both']),
    dict(type='SwapFace', weight=2),
    dict(type='LipSync', weight=1.5),
    dict(type='Resynthesise', weight=1.5),
]
train_pipeline = [
    *sample_train,
    *_base_.decode_steps,
    *_base_.crop_train,
    dict(type='MakePseudoFake', kinds=kinds),
    *_base_.degrade_train,
    *_base_.flip_steps,
    *_base_.map_steps,
    *_base_.pack_train,
]
val_pipeline = [
    *sample_test,
    *_base_.decode_steps,
    *_base_.crop_test,
    *_base_.forge_steps,
    *_base_.degrade_val,
    *_base_.pack,
]
test_pipeline = [
    *sample_test,
    *_base_.decode_steps,
    *_base_.crop_test,
    *_base_.forge_steps,
    *_base_.pack,
]
model = dict(clip_len=num_frames, cls_head=dict(dropout_ratio=0.2))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, own_fake_share=0.25))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
custom_hooks = [*_base_.custom_hooks, dict(type='ChannelsLastHook')]
optim_wrapper = dict(optimizer=dict(lr=learning_rate), clip_grad=dict(max_norm=20))
param_scheduler = [
    dict(_base_.param_scheduler[0], eta_max=learning_rate, total_steps=max_epochs)
]
train_cfg = dict(max_epochs=max_epochs, val_begin=10, val_interval=10)
