# Everything random that a training can have: order, snippets, augmentation, dropout.
_base_ = ['clips_config.py']

train_pipeline = [
    dict(type='OpenVideo'),
    dict(type='SampleSnippets', clip_len=_base_.clip_len, num_snippets=1),
    dict(type='DropOrRepeatFrames'),
    dict(type='DecodeFrames'),
    dict(type='BlendClipWithItself'),
    dict(type='Flip', flip_ratio=0.5),
    *_base_.pipeline[-2:],
]
model = dict(cls_head=dict(dropout_ratio=0.5))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
train_cfg = dict(max_epochs=2)
default_hooks = dict(logger=dict(interval=1))
val_evaluator = dict(
    predictions_csv='run/results/predictions.csv',
    metrics_json='run/results/metrics.json',
)
