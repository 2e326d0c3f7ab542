"""Baselines, one file a paper: importing this registers them."""

from .cnn_lstm import CNNLSTMHead
from .dsanet import DSANet
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
    'STILNet',
    'TAMResNet',
    'TEINet',
    'Xception',
]
