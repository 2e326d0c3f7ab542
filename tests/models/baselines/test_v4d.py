import numpy as np
import pytest
import torch
from mmaction.models.backbones.resnet3d_slowonly import ResNet3dSlowOnly
from mmengine.config import Config
from oracles import v4d_in_loops
from recognizer_checks import CONFIGS, predict

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines.v4d import V4D, Residual4D
from mmdeepfake.registry import MODELS

FFPP, MINIFF = 'baselines/v4d_ffpp_lq.py', 'miniff/v4d_r18_miniff.py'


def build_narrow(base_channels=8):
    """The model for MiniFF with fewer channels, to be quick."""
    cfg = Config.fromfile(CONFIGS / MINIFF)
    cfg.model.backbone.base_channels = base_channels
    cfg.model.cls_head.in_channels = 8 * base_channels
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model


def as_snippets(x):
    """(B*U, C, T, H, W) of two videos to an array (B, C, U, T, H, W)."""
    return x.unflatten(0, (2, -1)).transpose(1, 2).numpy()


def settle(block):
    """Weights and batch statistics as after some training, in double precision."""
    block = block.double().eval()
    for tensor in block.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) - 0.4)
    if block.norm is not None:
        block.norm.running_var.abs_().add_(0.5)
    return block


@torch.no_grad()
@pytest.mark.parametrize('num_snippets', [1, 3])
def test_without_norm_it_adds_the_4d_convolution(num_snippets):
    block = settle(Residual4D(4, norm=False))
    x = torch.randn(2 * num_snippets, 4, 3, 2, 3, dtype=torch.float64)
    kernel = block.conv.weight.unsqueeze(-1).numpy()
    video = as_snippets(x)
    expected = video + v4d_in_loops.convolve_4d(video, kernel)
    np.testing.assert_allclose(as_snippets(block(x, num_snippets)), expected)


@torch.no_grad()
def test_with_norm_it_adds_what_is_left_above_zero():
    block = settle(Residual4D(4, norm=True))
    x = torch.randn(6, 4, 3, 2, 3, dtype=torch.float64)
    video = as_snippets(x)
    convolved = v4d_in_loops.convolve_4d(video, block.conv.weight.unsqueeze(-1).numpy())
    norm, axes = block.norm, (1, -1, 1, 1, 1, 1)
    mean, variance, scale, offset = (
        tensor.numpy().reshape(axes)[0]
        for tensor in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    normed = (convolved - mean) / np.sqrt(variance + 1e-5) * scale + offset
    expected = video + np.maximum(normed, 0)
    assert 0.1 < (normed < 0).mean() < 0.9
    np.testing.assert_allclose(as_snippets(block(x, 3)), expected, rtol=1e-9)


@pytest.mark.parametrize('norm', [True, False])
def test_it_starts_as_the_identity_and_can_leave_it(norm):
    block = Residual4D(4, norm=norm)
    x = torch.randn(6, 4, 3, 2, 3)
    assert torch.equal(block(x, 3), x)
    optimiser = torch.optim.SGD(block.parameters(), lr=1)
    start = {name: tensor.clone() for name, tensor in block.named_parameters()}
    for _ in range(2):
        block(x, 3).square().sum().backward()
        optimiser.step()
    for name, tensor in block.named_parameters():
        assert not torch.equal(tensor, start[name]), name
    assert not torch.allclose(block(x, 3), x)


@torch.no_grad()
@pytest.mark.parametrize('depth', [18, 50])
@pytest.mark.parametrize('r4d_norm', [True, False])
def test_at_its_start_v4d_equals_the_slow_only_network(depth, r4d_norm):
    options = dict(depth=depth, base_channels=8, zero_init_residual=False)
    plain = ResNet3dSlowOnly(pretrained=None, **options)
    blocks = ((), (1,), (1,), ())
    network = V4D(r4d_blocks=blocks, r4d_norm=r4d_norm, pretrained=None, **options)
    network.init_weights()
    shared = {n: t for n, t in network.state_dict().items() if '4d' not in n}
    plain.load_state_dict(shared, strict=True)
    plain.train(False)
    x = torch.randn(4, 3, 2, 32, 32)
    assert torch.equal(network.eval()(x, num_snippets=2), plain(x))


def shake_r4ds(network):
    """Give the R4Ds weights other than those they start with."""
    for block in network.r4d.values():
        torch.nn.init.normal_(block.conv.weight, std=0.05)
        if block.norm is not None:
            torch.nn.init.ones_(block.norm.weight)
    return network.eval()


@torch.no_grad()
def test_snippets_meet_their_neighbours_and_videos_never_meet():
    network = V4D(18, r4d_blocks=((), (1,), (), ()), base_channels=8, pretrained=None)
    shake_r4ds(network)
    x = torch.randn(10, 3, 4, 32, 32)  # two videos of five snippets
    changed = x.clone()
    changed[1] += 1
    moved = (network(changed, 5) - network(x, 5)).abs().amax((1, 2, 3, 4))
    assert [value > 0 for value in moved.tolist()] == [True] * 3 + [False] * 7


@torch.no_grad()
def test_any_number_of_snippets_runs_and_each_is_scored():
    model = build_narrow()
    shake_r4ds(model.backbone)
    for num_snippets in (1, 4, 8):
        samples = predict(model, torch.randn(2, num_snippets, 3, 4, 32, 32))
        assert [s.snippet_scores.shape for s in samples] == [(num_snippets,)] * 2


def test_snippets_that_fill_no_video_are_refused():
    network = V4D(18, r4d_blocks=((), (1,), (), ()), base_channels=8)
    with pytest.raises(
        ConfigError, match='got 6 snippets in all, not a multiple of num_snippets = 4'
    ):
        network(torch.randn(6, 3, 2, 32, 32), num_snippets=4)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(depth=18), r'r4d_blocks = .* indices for each of 4 stages of \(2, 2, 2'),
        (dict(r4d_blocks=((), (1,))), 'indices for each of 4 stages'),
        (dict(out_indices=(2, 3)), r'out_indices = \(2, 3\) of V4D: it cannot be set'),
        (dict(pretrained2d=False), 'pretrained2d = False of V4D: it cannot be set'),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        V4D(**options)


def make_resnet_file(path, **changes):
    """Random weights of a 2D ResNet-18 under torchvision's names."""
    with torch.device('meta'):
        plain = V4D(18, r4d_blocks=((),) * 4)
    state = {}
    for name, tensor in plain.state_dict().items():
        name = name.replace('downsample.conv', 'downsample.0')
        name = name.replace('downsample.bn', 'downsample.1')
        for number in '12':
            name = name.replace(f'conv{number}.conv', f'conv{number}')
            name = name.replace(f'conv{number}.bn', f'bn{number}')
        state[name] = torch.rand(tensor.shape[:2] + tensor.shape[3:])
    torch.save({**state, **changes}, path)
    return state


def test_inflated_weights_leave_the_r4ds_at_their_start(tmp_path, log_lines):
    path = str(tmp_path / 'resnet18.pth')
    state = make_resnet_file(path)
    network = V4D(18, r4d_blocks=((), (1,), (1,), ()), pretrained=path)
    network.init_weights()
    inflated = network.layer3[0].conv1.conv.weight  # three equal taps in time
    for tap in range(3):
        torch.testing.assert_close(
            inflated[:, :, tap], state['layer3.0.conv1.weight'] / 3
        )
    for block in network.r4d.values():
        assert not block.norm.weight.any() and block.conv.weight.any()
    assert f'V4D: initial weights from {path}' in log_lines


def test_benchmark_config_keeps_ratfs_frames():
    cfg = Config.fromfile(CONFIGS / FFPP)
    samplers = [
        cfg[f'{name}_dataloader'].dataset.pipeline[1]
        for name in ('train', 'val', 'test')
    ]
    assert [(s.num_snippets, s.clip_len) for s in samplers] == [(4, 4), (8, 4), (8, 4)]
