# Baseline: TALL-Swin, Swin-B on images of four frames, with averaged logits.
_base_ = ['ratf_csa_r50.py']

in_channels = 1024

model = dict(
    backbone=dict(
        _delete_=True,
        type='TALLSwin',
        side_px=224,
        layout=(2, 2),
        depths=(2, 2, 18, 2),
        window_sizes=(14, 14, 14, 7),
        drop_path_rate=0.1,
        # ImageNet-22k; of a release, since no file of these is named by its hash. A
        # path works as well: --cfg-options model.backbone.pretrained=PATH
        pretrained='https://github.com/SwinTransformer/storage/releases/download/v1.0.0/'
        'swin_base_patch4_window7_224_22k.pth',
    ),
    neck=None,
    cls_head=dict(in_channels=in_channels, init_std=0.02),
)
