from .efficientnet_lite import EfficientNetLite0, RATFLite0, TConvLite0
from .ratf import RATF
from .ratf_net import RATFNet
from .t_conv_net import TConvNet, TemporalConv
from .temporal_resnet import TemporalResNet

__all__ = [
    'RATF',
    'EfficientNetLite0',
    'RATFLite0',
    'RATFNet',
    'TConvLite0',
    'TConvNet',
    'TemporalConv',
    'TemporalResNet',
]
