from .ratf import RATF
from .ratf_net import RATFNet
from .t_conv_net import TConvNet, TemporalConv
from .temporal_resnet import TemporalResNet

__all__ = ['RATF', 'RATFNet', 'TConvNet', 'TemporalConv', 'TemporalResNet']
