# Baseline, a reconstruction: the two-branch recurrent network of Masi et al. on
# DenseNet-121. For sequences of 8 frames.
_base_ = ['ratf_csa_r50.py']

sequence_len = 8
in_channels = 1024  # of DenseNet-121's last map

model = dict(
    backbone=dict(
        _delete_=True,
        type='TwoBranchDenseNet',
        # A path works as well: --cfg-options model.backbone.pretrained=PATH
        pretrained='https://download.pytorch.org/models/densenet121-a639ec97.pth',
    ),
    neck=None,
    cls_head=dict(
        _delete_=True,
        type='BiLSTMIsolateHead',
        num_classes=2,
        in_channels=in_channels,
        sequence_len=sequence_len,
        # Scores by the distance from real faces instead, without a cross entropy:
        # --cfg-options model.cls_head.score=distance
        score='ce',
        topk=(1,),
        average_clips='prob',
    ),
)
