import pytest
import torch
from oracles.by_key import draw
from oracles.double_rnn_in_loops import (
    densenet_features,
    densenet_shapes,
    filter_band,
    log_filter,
)
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines.double_rnn import (
    LogBottleneck,
    TwoBranchDenseNet,
    laplacian_of_gaussian,
)
from mmdeepfake.models.conversion import convert
from mmdeepfake.models.conversion.densenet import RULES

SMALL = dict(num_layers=(1, 1, 1, 1))


@pytest.fixture
def backbone():
    network = TwoBranchDenseNet(**SMALL)
    network.init_weights()
    # As after some training: the second branch has a share.
    nn.init.normal_(network.frequency.transition[0].conv.weight)
    return network.eval()


@pytest.mark.parametrize('sigma', [1.0, 1.6, 2.2])
def test_filters_match_the_loops(sigma):
    kernel = laplacian_of_gaussian(sigma)
    torch.testing.assert_close(kernel, torch.tensor(log_filter(sigma, 7)))
    assert abs(kernel.sum()) < 1e-6


def test_bands_match_the_loops():
    bottleneck = LogBottleneck(2, sigmas_px=(0.8, 1.4), side=5)
    maps = torch.randn(1, 2, 6, 7)
    expected = [
        filter_band(maps[0, channel].tolist(), log_filter(sigma, 5))
        for channel in range(2)
        for sigma in (0.8, 1.4)
    ]
    bands = bottleneck.bands(maps)
    torch.testing.assert_close(bands[0], torch.tensor(expected))
    merged = torch.einsum('oi,bihw->bohw', bottleneck.merge.weight[..., 0, 0], bands)
    torch.testing.assert_close(bottleneck(maps), merged)


def test_a_constant_gives_nothing_anywhere_and_a_ramp_nothing_inside():
    bottleneck = LogBottleneck(1)
    rows, columns = torch.meshgrid(
        torch.arange(20.0), torch.arange(18.0), indexing='ij'
    )
    constant = torch.full((1, 1, 20, 18), 100.0)
    assert bottleneck.bands(constant).abs().max() < 1e-3
    ramp = (3 * rows - 2 * columns + 5)[None, None]
    assert bottleneck.bands(ramp)[..., 3:-3, 3:-3].abs().max() < 1e-4
    assert bottleneck.bands(ramp).abs().max() > 1e-2  # at the borders
    edge = (columns > 8).float()[None, None]
    assert bottleneck.bands(edge)[..., 3:-3, 3:-3].abs().max() > 0.1


def test_filters_are_fixed():
    assert 'kernel' not in dict(LogBottleneck(2).named_parameters())


def test_a_frequency_branch_of_zero_leaves_the_densenet(backbone):
    frames = torch.randn(2, 3, 64, 64)
    assert not torch.equal(backbone(frames), backbone.colour(frames))
    nn.init.zeros_(backbone.frequency.transition[0].conv.weight)
    assert torch.equal(backbone(frames), backbone.colour(frames))


def test_it_starts_as_the_densenet_alone():
    network = TwoBranchDenseNet(**SMALL)
    network.init_weights()
    network.eval()
    frames = torch.randn(1, 3, 64, 64)
    assert torch.equal(network(frames), network.colour(frames))


@pytest.mark.parametrize('dotted', [True, False])
def test_imagenet_weights_give_the_public_features(tmp_path, log_lines, dotted):
    state = draw(densenet_shapes(dotted=dotted), gain=2**0.5)
    torch.save(state, tmp_path / 'densenet121.pth')
    network = TwoBranchDenseNet(pretrained=str(tmp_path / 'densenet121.pth'))
    network.init_weights()
    network.eval()
    frames = torch.randn(1, 3, 64, 96)
    plain = {
        name.replace('norm.', 'norm').replace('conv.', 'conv')
        if 'denselayer' in name and dotted
        else name: tensor
        for name, tensor in state.items()
    }
    expected = densenet_features(plain, frames)
    with torch.no_grad():
        torch.testing.assert_close(network(frames), expected, rtol=1e-4, atol=1e-4)
    # The second branch starts from the same stem and block.
    pairs = (
        (network.frequency.stem, network.colour.stem),
        (network.frequency.block, network.colour.blocks[0]),
    )
    for ours, theirs in pairs:
        for name, tensor in theirs.state_dict().items():
            assert torch.equal(ours.state_dict()[name], tensor), name
    assert any('TwoBranchDenseNet: initial weights from' in line for line in log_lines)


def test_every_public_tensor_finds_its_place():
    with torch.device('meta'):
        shapes = densenet_shapes(dotted=True).items()
        state = {name: torch.empty(shape) for name, shape in shapes}
        colour = TwoBranchDenseNet().colour
    target = {f'backbone.{name}': t for name, t in colour.state_dict().items()}
    converted, report = convert(state, RULES, target)
    assert (report.missing, report.mismatched) == ((), {})
    assert set(report.unexpected) == {'classifier.weight', 'classifier.bias'}
    assert len(converted) == len(state) - 2


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(num_layers=(6, 12, 24)), r'num_layers = \(6, 12, 24\) of TwoBranch'),
        (dict(**SMALL, log_cfg=dict(sigmas_px=())), r'sigmas_px = \(\)'),
        (dict(**SMALL, log_cfg=dict(side=6)), r'side = 6 of LogBottleneck'),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        TwoBranchDenseNet(**options)
