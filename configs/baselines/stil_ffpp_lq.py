# STIL on FaceForensics++ LQ, under RATF's recipe.
_base_ = [
    '../_base_/models/stil.py',
    '../_base_/datasets/ffpp_lq.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]

# Single frames, evenly spread: STIL compares 8 of a whole video. At test 16, as its
# public code: two groups of 8 in the order of time.
train_pipeline = [
    _base_.train_pipeline[0],
    dict(type='SampleSnippets', num_snippets=_base_.num_segments, clip_len=1),
    *_base_.train_pipeline[2:],
]
test_pipeline = [
    _base_.test_pipeline[0],
    dict(
        type='SampleSnippets',
        num_snippets=2 * _base_.num_segments,
        clip_len=1,
        position='centred',
    ),
    *_base_.test_pipeline[2:],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
