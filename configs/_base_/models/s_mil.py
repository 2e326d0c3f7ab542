# Baseline, a reconstruction: S-MIL, a video as a bag of 16 frames, on Xception.
_base_ = ['xception.py']

num_instances = 16  # our choice: the paper's number is unknown

model = dict(
    type='SnippetRecognizer',
    cls_head=dict(
        _delete_=True,
        type='SharpMILHead',
        num_classes=2,
        in_channels=_base_.in_channels,
        num_instances=num_instances,
        topk=(1,),
        average_clips='prob',
    ),
)
