import pytest
import torch
from mmaction.models.backbones.resnet import ResNet
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.backbones import TConvNet, TemporalConv


def test_it_is_a_depthwise_3d_convolution_on_the_first_half():
    module = TemporalConv(8, clip_len=4).double()
    nn.init.normal_(module.conv.weight)
    x = torch.randn(8, 8, 5, 6, dtype=torch.float64)
    static = nn.Conv3d(4, 4, (3, 1, 1), padding=(1, 0, 0), groups=4, bias=False)
    static.weight.data = module.conv.weight.data[..., None, None]
    snippets = x.unflatten(0, (2, 4)).transpose(1, 2)  # (B, C, T, H, W)
    expected = torch.cat([static(snippets[:, :4]), snippets[:, 4:]], dim=1)
    torch.testing.assert_close(module(x), expected.transpose(1, 2).flatten(0, 1))


def test_identity_start_equals_resnet():
    plain, network = ResNet(18), TConvNet(18, clip_len=4)
    network.load_state_dict(plain.state_dict(), strict=False)
    plain.train(False)
    images = torch.randn(4, 3, 32, 32)
    torch.testing.assert_close(network.eval()(images)[0], plain(images))


def test_difference_start_is_a_second_difference_over_time():
    module = TemporalConv(4, clip_len=4, init='difference')
    x = torch.randn(4, 4, 3, 3)
    out = module(x)
    for t in (1, 2):
        expected = x[t, :2] - (x[t - 1, :2] + x[t + 1, :2]) / 2
        torch.testing.assert_close(out[t, :2], expected)
    assert torch.equal(out[:, 2:], x[:, 2:])


def test_shift_start_moves_an_eighth_each_way():
    module = TemporalConv(32, clip_len=4, init='shift')
    x = torch.randn(4, 32, 3, 3)
    out = module(x)
    assert torch.equal(out[:3, :2], x[1:, :2])
    assert torch.equal(out[1:, 2:4], x[:3, 2:4])
    assert torch.equal(out[:, 4:], x[:, 4:])
    assert out[3, :2].abs().max() == 0


@pytest.mark.parametrize(('split_ratio', 'extra'), [(0.5, 5_664), (1.0, 11_328)])
def test_parameters_beyond_resnet_50(split_ratio, extra):
    network = TConvNet(50, clip_len=4, t_conv_cfg=dict(split_ratio=split_ratio))
    total = sum(p.numel() for p in network.parameters())
    assert total == 23_508_032 + extra


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(init='zero'), "init = 'zero' of T-Conv"),
        (dict(kernel_size=2), 'kernel_size = 2'),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        TConvNet(18, clip_len=4, t_conv_cfg=options)
