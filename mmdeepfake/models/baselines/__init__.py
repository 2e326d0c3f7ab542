"""Baselines, one file a paper: importing this registers them."""

from .cnn_lstm import CNNLSTMHead
from .inception_i3d import InceptionI3d
from .stil import STILNet
from .xception import Xception

__all__ = ['CNNLSTMHead', 'InceptionI3d', 'STILNet', 'Xception']
