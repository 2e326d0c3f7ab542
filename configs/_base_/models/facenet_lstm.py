# Baseline, a reconstruction: an LSTM over the FaceNet embeddings of 16 frames.
_base_ = ['cnn_lstm_r50.py']

in_channels = 512

model = dict(
    # As required by its public weights.
    data_preprocessor=dict(mean=[127.5, 127.5, 127.5], std=[128, 128, 128]),
    backbone=dict(
        _delete_=True,
        type='InceptionResnetV1',
        # Trained on the persons of VGGFace2 and frozen; only the LSTM learns. Ten times
        # the learning rate for it:
        # --cfg-options optim_wrapper.paramwise_cfg.custom_keys.cls_head.lr_mult=10
        frozen=True,
        # A path works as well: --cfg-options model.backbone.pretrained=PATH
        pretrained='https://github.com/timesler/facenet-pytorch/releases/download/'
        'v2.2.9/20180402-114759-vggface2.pt',
    ),
    cls_head=dict(in_channels=in_channels, hidden_channels=256),
)
