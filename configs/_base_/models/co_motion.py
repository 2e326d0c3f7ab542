# Baseline, a reconstruction: Co-motion, a small network on patterns of facial motion.
model = dict(
    type='SnippetRecognizer',
    # Patterns are numbers in [-1, 1] already.
    data_preprocessor=dict(type='ActionDataPreprocessor', format_shape='NCHW'),
    backbone=dict(type='PatternInput'),
    neck=None,
    cls_head=dict(
        type='CoMotionHead',
        num_classes=2,
        in_channels=5151,  # of 51 landmarks' u and v: 102 * 101 / 2
        topk=(1,),
        average_clips='prob',
    ),
)
