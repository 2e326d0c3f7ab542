# Baseline, a reconstruction: ADDNet-3D, for clips of 16 frames with a mask as their
# fourth channel.
_base_ = ['i3d_r50.py']

model = dict(
    data_preprocessor=dict(
        # As required by Xception's weights; the mask becomes 0 to 1.
        mean=[127.5, 127.5, 127.5, 0],
        std=[127.5, 127.5, 127.5, 255],
    ),
    backbone=dict(
        _delete_=True,
        type='ADDNet3D',
        # Of Xception, for the layers that are Xception's; the others start at random.
        pretrained='https://github.com/rwightman/pytorch-image-models/releases/download/'
        'v0.1-cadene/xception-43020ad28.pth',
    ),
    cls_head=dict(in_channels=512, dropout_ratio=0.5),
)
