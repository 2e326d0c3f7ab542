from .ratf_net import RATF, RATFNet
from .t_conv_net import TConvNet, TemporalConv
from .temporal_resnet import TemporalResNet

__all__ = ['RATF', 'RATFNet', 'TConvNet', 'TemporalConv', 'TemporalResNet']
