# Baseline, a reconstruction: an LSTM over the pooled ResNet-50 features of 16 frames.
_base_ = ['ratf_csa_r50.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=50,
        pretrained=_base_.model.backbone.pretrained,
    ),
    neck=None,
    cls_head=dict(
        _delete_=True,
        type='CNNLSTMHead',
        num_classes=2,
        in_channels=_base_.in_channels,
        hidden_channels=512,
        # The 4 x 4 frames of training; the 8 x 4 of test make two sequences.
        sequence_len=16,
        dropout_ratio=0.5,  # Guera and Delp 2018
        topk=(1,),
        average_clips='prob',
    ),
)
