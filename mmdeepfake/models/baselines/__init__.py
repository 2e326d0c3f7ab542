"""Baselines, one file per paper; importing this registers them."""

from .addnet import ADDNet3D
from .cnn_lstm import CNNLSTMHead
from .co_motion import CoMotionHead, PatternInput
from .deep_rhythm import DeepRhythmNet, OneLogitHead
from .dianet import DIANet
from .double_rnn import TwoBranchDenseNet
from .dsanet import DSANet
from .facenet_lstm import InceptionResnetV1
from .ftcn import FTCN, TimeTransformerHead
from .inception_i3d import InceptionI3d
from .isolate_head import BiLSTMIsolateHead, IsolateLoss
from .s_mil import SharpMILHead
from .stil import STILNet
from .tall_swin import TALLSwin
from .tam import TAMResNet
from .tei import TEINet
from .v4d import V4D
from .video_mae import VideoMAEVisionTransformer
from .xception import Xception

__all__ = [
    'FTCN',
    'V4D',
    'ADDNet3D',
    'BiLSTMIsolateHead',
    'CNNLSTMHead',
    'CoMotionHead',
    'DIANet',
    'DSANet',
    'DeepRhythmNet',
    'InceptionI3d',
    'InceptionResnetV1',
    'IsolateLoss',
    'OneLogitHead',
    'PatternInput',
    'STILNet',
    'SharpMILHead',
    'TALLSwin',
    'TAMResNet',
    'TEINet',
    'TimeTransformerHead',
    'TwoBranchDenseNet',
    'VideoMAEVisionTransformer',
    'Xception',
]
