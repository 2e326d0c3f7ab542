_base_ = ['stub_config.py']
custom_imports = dict(
    imports=['mmdeepfake', 'stubs.stub_parts', 'stubs.stub_faults'],
    allow_failed_imports=False,
)

data_root = '.'
clip_len = 4
# Nothing random, so that a batch can be made again by hand.
pipeline = [
    dict(type='StubFault'),
    dict(type='OpenVideo'),
    dict(type='SampleSnippets', clip_len=clip_len, num_snippets=1, position='centred'),
    dict(type='DecodeFrames'),
    dict(type='FormatShape', input_format='NCHW'),
    dict(
        type='PackActionInputs',
        meta_keys=('video_key', 'track', 'img_shape', 'num_clips', 'clip_len'),
    ),
]
dataset = dict(
    _delete_=True, type='DeepfakeDataset', data_root=data_root, pipeline=pipeline
)
train_dataloader = dict(dataset=dict(split='train', **dataset))
val_dataloader = dict(dataset=dict(split='val', test_mode=True, **dataset))
test_dataloader = dict(dataset=dict(split='test', test_mode=True, **dataset))
train_cfg = dict(max_epochs=1)
val_evaluator = dict(num_resamples=20)
test_evaluator = val_evaluator
