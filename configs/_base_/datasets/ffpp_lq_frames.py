# FaceForensics++ LQ for detectors of single frames.
_base_ = ['ffpp_lq.py']

# One frame per video in training, since frames of a video are similar; as many at test
# as for other models. For more in training (with the loss of the mean logits):
# --cfg-options train_dataloader.dataset.pipeline.1.num_snippets=16
num_frames = 1
num_snippets_train, num_snippets_test = 1, 32

snippets = dict(type='SampleSnippets', clip_len=num_frames)
sample_train = [
    dict(type='OpenVideo'),
    dict(**snippets, num_snippets=num_snippets_train),
]
sample_test = [
    dict(type='OpenVideo'),
    dict(**snippets, num_snippets=num_snippets_test, position='centred'),
]
train_pipeline = [*sample_train, *_base_.train_frames, *_base_.pack]
test_pipeline = [*sample_test, *_base_.test_frames, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

score_rule = 'mean of P(fake) over frames'
val_evaluator = dict(score_rule=score_rule)
test_evaluator = dict(score_rule=score_rule)
