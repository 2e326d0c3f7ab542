# Baseline: Xception on single frames; the frames' probabilities are averaged.
_base_ = ['resnet_r50.py']

model = dict(
    # As required by its ImageNet weights.
    data_preprocessor=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    backbone=dict(
        _delete_=True,
        type='Xception',
        # A path works as well, FaceForensics++'s own detectors among them:
        # --cfg-options model.backbone.pretrained=PATH
        pretrained='https://github.com/rwightman/pytorch-image-models/releases/download/'
        'v0.1-cadene/xception-43020ad28.pth',
    ),
)
