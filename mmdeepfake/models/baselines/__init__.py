"""Baselines, one file a paper: importing this registers them."""

from .cnn_lstm import CNNLSTMHead
from .dsanet import DSANet
from .facenet_lstm import InceptionResnetV1
from .inception_i3d import InceptionI3d
from .stil import STILNet
from .tam import TAMResNet
from .tei import TEINet
from .v4d import V4D
from .xception import Xception

__all__ = [
    'V4D',
    'CNNLSTMHead',
    'DSANet',
    'InceptionI3d',
    'InceptionResnetV1',
    'STILNet',
    'TAMResNet',
    'TEINet',
    'Xception',
]
