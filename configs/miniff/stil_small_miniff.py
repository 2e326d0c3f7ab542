# STIL, with three stages, on the built-in set.
_base_ = [
    '../_base_/models/stil_small.py',
    '../_base_/datasets/miniff_spread.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]

# At test 16 frames, as in its public code: two groups of 8 in temporal order.
sample_test = [
    dict(type='OpenVideo'),
    dict(
        type='SampleSnippets',
        num_snippets=2 * _base_.num_segments,
        clip_len=1,
        position='centred',
    ),
]
test_pipeline = [*sample_test, *_base_.test_frames, *_base_.pack]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
