# Real videos with pseudo-fakes at the paper's sizes: 224 px, 4 snippets of 4 frames.
_base_ = ['pseudo_fake.py']

num_snippets_train, num_snippets_test = 4, 8  # Sec. 4.1
side_px = 224  # Sec. 4.1

sample_train = [
    _base_.sample_train[0],
    dict(_base_.sample_train[1], num_snippets=num_snippets_train),
]
sample_test = [
    _base_.sample_test[0],
    dict(_base_.sample_test[1], num_snippets=num_snippets_test),
]
resize_steps = [dict(_base_.resize_steps[0], scale=(side_px, side_px))]
crop_train = [_base_.crop_train[0], *resize_steps]
crop_test = [_base_.crop_test[0], *resize_steps]
train_pipeline = [
    *sample_train,
    *_base_.decode_steps,
    *crop_train,
    *_base_.forge_steps,
    *_base_.degrade_train,
    *_base_.flip_steps,
    dict(type='MapForgery', side=side_px // 32),
    *_base_.pack_train,
]
val_pipeline = [
    *sample_test,
    *_base_.decode_steps,
    *crop_test,
    *_base_.forge_steps,
    *_base_.degrade_val,
    *_base_.pack,
]
test_pipeline = [
    *sample_test,
    *_base_.decode_steps,
    *crop_test,
    *_base_.forge_steps,
    *_base_.pack,
]
train_dataloader = dict(num_workers=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(num_workers=8, dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(num_workers=8, dataset=dict(pipeline=test_pipeline))
