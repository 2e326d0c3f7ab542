import pytest
import torch
from mmaction.models.backbones.resnet import ResNet
from mmaction.models.backbones.resnet_tsm import TemporalShift
from oracles import tei_in_loops
from recognizer_checks import TWO_STAGES, count_parameters
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines.tei import TEINet, TemporalEnhancementInteraction

HALF = dict(temporal_stages=(True, True), **TWO_STAGES)


def draw_tei(num_channels=16, num_segments=4):
    """A module far from its start, in fp64."""
    module = TemporalEnhancementInteraction(num_channels, num_segments=num_segments)
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    return module.double()


def weights_of(layer):
    return layer.weight.detach().numpy(), layer.bias.detach().numpy()


@torch.no_grad()
def test_motion_gates_match_the_loops():
    module = draw_tei().motion
    x = torch.randn(8, 16, 3, 5, dtype=torch.float64)
    layers = (module.current, module.following, module.expand)
    for clip, out in zip(x.split(4), module(x).split(4), strict=True):
        expected = tei_in_loops.enhance_motion(clip.numpy(), *map(weights_of, layers))
        torch.testing.assert_close(out, torch.from_numpy(expected))
        assert (out - clip).abs().max() > 0.1


@torch.no_grad()
def test_whole_module_matches_the_loops():
    module = draw_tei()
    x = torch.randn(8, 16, 3, 5, dtype=torch.float64)
    motion = module.motion
    layers = (motion.current, motion.following, motion.expand)
    taps = module.interaction.conv.weight[:, 0].numpy()
    for clip, out in zip(x.split(4), module(x).split(4), strict=True):
        enhanced = tei_in_loops.enhance_motion(clip.numpy(), *map(weights_of, layers))
        expected = tei_in_loops.convolve_over_time(enhanced, taps)
        torch.testing.assert_close(out, torch.from_numpy(expected))


@torch.no_grad()
@pytest.mark.parametrize('num_channels', [16, 24, 64])
def test_interaction_starts_as_tsm_s_shift(num_channels):
    module = TemporalEnhancementInteraction(num_channels, num_segments=4).interaction
    x = torch.randn(8, num_channels, 3, 5)
    assert torch.equal(module(x), TemporalShift.shift(x, 4, shift_div=8))


def make_tei_the_identity(network):
    for module in network.temporal_modules().values():
        nn.init.zeros_(module.motion.expand.weight)
        nn.init.constant_(module.motion.expand.bias, 40)  # sigmoid(40) is 1 in fp32
        nn.init.zeros_(module.interaction.conv.weight)
        nn.init.ones_(module.interaction.conv.weight[:, :, 1])


@torch.no_grad()
@pytest.mark.parametrize(('depth', 'place'), [(18, 'in'), (50, 'in'), (50, 'mid')])
def test_open_gates_and_no_mixing_leave_a_resnet(depth, place):
    network = TEINet(depth, num_segments=4, place=place, **HALF).eval()
    plain = ResNet(depth, **TWO_STAGES)
    plain.train(False)
    missing, unexpected = network.load_state_dict(plain.state_dict(), strict=False)
    assert not unexpected
    assert all('.temporal.' in name for name in missing)
    make_tei_the_identity(network)
    frames = torch.randn(4, 3, 32, 32)
    torch.testing.assert_close(network(frames)[0], plain(frames))


@torch.no_grad()
@pytest.mark.parametrize('place', ['in', 'mid'])
def test_module_stands_on_the_residual_path_where_it_was_put(place):
    network = TEINet(50, num_segments=4, place=place, **HALF).eval()
    block = network.layer2[1]
    seen = []
    block.temporal.register_forward_hook(lambda _, args, out: seen.append(args[0]))
    x = torch.randn(4, 512, 4, 4)
    out = block(x)
    expected = x if place == 'in' else block.conv1(x)
    torch.testing.assert_close(seen[0], expected)
    residual = block.temporal(expected)
    residual = block.conv1(residual) if place == 'in' else residual
    residual = block.conv3(block.conv2(residual))
    torch.testing.assert_close(out, (residual + x).relu())


@torch.no_grad()
def test_sixteen_frames_have_as_many_parameters():
    network, other = (TEINet(18, num_segments=n, **HALF).eval() for n in (16, 8))
    assert count_parameters(network) == count_parameters(other)
    assert network(torch.randn(16, 3, 32, 32))[0].shape == (16, 128, 4, 4)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(depth=50, place='out'), "place = 'out' of TEINet: allowed are 'in', 'mi"),
        (dict(depth=18, place='mid'), "place = 'mid' of TEINet: depth 18 has no 1x1"),
        (dict(depth=18, num_segments=1), 'num_segments = 1 of TEINet: .* 2 or more'),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        TEINet(**options)


def test_frames_of_no_whole_clip_are_refused():
    with pytest.raises(
        ConfigError, match='TEINet got 6 frames, not a multiple of num_seg'
    ):
        TEINet(18, num_segments=4, **HALF)(torch.randn(6, 3, 32, 32))
