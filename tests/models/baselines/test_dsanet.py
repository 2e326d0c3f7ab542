import pytest
import torch
from mmaction.models.backbones.resnet3d_slowonly import ResNet3dSlowOnly
from oracles import dsa_in_loops
from recognizer_checks import count_parameters
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines.dsanet import DSANet, DynamicSegmentAggregation

SMALL = dict(depth=18, dsa_blocks=((), (1,), (1,), ()), zero_init_residual=False)
NARROW = dict(base_channels=16, **SMALL)


def draw_dsa(num_channels=16, num_snippets=4, **options):
    """A module far from its start, batch statistics included."""
    module = DynamicSegmentAggregation(
        num_channels, num_snippets=num_snippets, **options
    )
    for name, tensor in module.state_dict().items():
        if name.endswith('running_var'):
            tensor.uniform_(0.5, 2)
        elif tensor.is_floating_point():
            tensor.normal_()
    return module.eval()


def weights_of(module):
    first, norm, _, second, _ = module.generate
    arrays = dict(
        first=first.weight,
        second=second.weight,
        scale=norm.weight,
        shift=norm.bias,
        mean=norm.running_mean,
        variance=norm.running_var,
    )
    return {name: tensor.detach().double().numpy() for name, tensor in arrays.items()}


def make_network(**options):
    torch.manual_seed(0)
    network = DSANet(**NARROW | options)
    network.init_weights()
    for block in network.modules():
        if isinstance(block, DynamicSegmentAggregation):
            nn.init.normal_(block.generate[0].weight)
            nn.init.normal_(block.generate[3].weight)
    return network.eval()


@torch.no_grad()
@pytest.mark.parametrize(
    ('num_snippets', 'split_ratio', 'num_chosen'),
    [(4, 1 / 8, 2), (3, 0.5, 8), (2, 1.0, 16)],
)
def test_module_matches_the_loops(num_snippets, split_ratio, num_chosen):
    module = draw_dsa(num_snippets=num_snippets, split_ratio=split_ratio).double()
    x = torch.randn(2 * num_snippets, 16, 2, 3, 4, dtype=torch.float64)
    videos = zip(x.split(num_snippets), module(x).split(num_snippets), strict=True)
    for video, out in videos:
        expected = dsa_in_loops.aggregate(
            video.numpy(), weights_of(module), num_chosen=num_chosen
        )
        torch.testing.assert_close(out, torch.from_numpy(expected))
        assert (out - video)[:, :num_chosen].abs().max() > 0.1


@torch.no_grad()
def test_zero_last_layer_averages_three_snippets_alike():
    module = draw_dsa()
    nn.init.zeros_(module.generate[3].weight)
    x = torch.randn(4, 16, 2, 3, 4)
    kernels = module.kernels(x.unsqueeze(0)[:, :, :2])
    torch.testing.assert_close(kernels, torch.full((1, 2, 3), 1 / 3))
    chosen, nothing = x[:, :2], torch.zeros(1, 2, 2, 3, 4)
    before = torch.cat([nothing, chosen[:-1]])
    after = torch.cat([chosen[1:], nothing])
    torch.testing.assert_close(module(x)[:, :2], (before + chosen + after) / 3)


def grouped_convolution(module, x):
    """The same by one convolution with a group a video and channel."""
    u, c = module.num_snippets, module.num_aggregated
    chosen = x[:, :c].reshape(-1, u, c, *x.shape[2:]).transpose(1, 2)
    b = len(chosen)
    first, norm, _, second, _ = module.generate
    hidden = norm(chosen.mean((3, 4, 5)).reshape(b * c, u) @ first.weight.T).relu()
    kernels = (hidden @ second.weight.T).softmax(1)
    out = nn.functional.conv3d(
        chosen.reshape(1, b * c, u, x.shape[2], -1),
        kernels[:, None, :, None, None],
        padding=(1, 0, 0),
        groups=b * c,
    )
    out = out.reshape(chosen.shape).transpose(1, 2).flatten(0, 1)
    return torch.cat([out, x[:, c:]], dim=1)


def test_it_is_a_grouped_convolution_in_training_as_well():
    module = draw_dsa().double().train()
    x = torch.randn(12, 16, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    ours, theirs = module(x), grouped_convolution(module, x)
    torch.testing.assert_close(ours, theirs)
    parameters = list(module.parameters())
    weights = torch.randn_like(x)
    for a, b in zip(
        torch.autograd.grad((ours * weights).sum(), [x, *parameters]),
        torch.autograd.grad((theirs * weights).sum(), [x, *parameters]),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_parameters_are_those_of_the_specification():
    with torch.device('meta'):
        network = DSANet(50)
    modules = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, DynamicSegmentAggregation)
    }
    assert list(modules) == [
        f'layer{block}.dsa' for block in ('2.1', '2.3', '3.1', '3.3', '3.5')
    ]
    assert [count_parameters(m) for m in modules.values()] == [72] * 5
    assert [m.num_aggregated for m in modules.values()] == [16, 16, 32, 32, 32]


@torch.no_grad()
def test_centre_taps_alone_leave_a_slow_only_resnet():
    network, plain = make_network(), ResNet3dSlowOnly(depth=18, base_channels=16)
    plain.load_state_dict(
        {n: t for n, t in network.state_dict().items() if '.dsa.' not in n}
    )
    plain.train(False)
    clips = torch.randn(4, 3, 2, 32, 32)
    assert (network(clips) - plain(clips)).abs().max() > 1e-3
    for module in network.modules():
        if isinstance(module, DynamicSegmentAggregation):
            # Whatever comes in, the hidden layer is 1, and its logits 0, 60, 0.
            nn.init.zeros_(module.generate[0].weight)
            nn.init.ones_(module.generate[1].bias)
            nn.init.zeros_(module.generate[3].weight)
            nn.init.constant_(module.generate[3].weight[1], 60 / 8)
    torch.testing.assert_close(network(clips), plain(clips))


@torch.no_grad()
def test_module_stands_behind_the_first_convolution():
    block = make_network().layer2[1]
    seen = []
    block.dsa.register_forward_hook(lambda _, args, out: seen.append((args[0], out)))
    x = torch.randn(4, 32, 2, 8, 8)
    out = block(x)
    torch.testing.assert_close(seen[0][0], block.conv1(x))
    torch.testing.assert_close(out, (block.conv2(seen[0][1]) + x).relu())


@torch.no_grad()
@pytest.mark.parametrize('depth', [18, 50])
def test_blocks_give_the_same_with_recomputation(depth):
    places = ((), (1,), (1,), ())
    options = dict(depth=depth, base_channels=8, dsa_blocks=places)
    plain, recomputing = make_network(**options), make_network(**options, with_cp=True)
    clips = torch.randn(4, 3, 2, 32, 32)
    with torch.enable_grad():
        out = recomputing(clips.requires_grad_())
        torch.testing.assert_close(out, plain(clips))
        out.sum().backward()
    assert recomputing.layer2[1].dsa.generate[0].weight.grad.abs().max() > 0


@torch.no_grad()
def test_eight_snippets_are_two_interleaved_groups():
    """Group g of 2 holds snippets g, g + 2, g + 4, g + 6, each video by itself."""
    network = make_network()
    clips = torch.randn(2, 8, 3, 2, 32, 32)
    out = network(clips.flatten(0, 1), num_snippets=8).unflatten(0, (2, 8))
    for video in range(2):
        for group in range(2):
            alone = network(clips[video, group::2])
            torch.testing.assert_close(out[video, group::2], alone)
    neighbours = network(clips[0, :4])
    assert (out[0, :4] - neighbours).abs().max() > 1e-3


def images_weights(network):
    """Random 2D weights that fill a 3D network, under torchvision's names."""
    weights = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv3d):
            name = name.replace('downsample.conv', 'downsample.0').removesuffix('.conv')
            weights[f'{name}.weight'] = torch.randn(module.weight[:, :, 0].shape)
        elif isinstance(module, nn.BatchNorm3d):
            name = name.replace('downsample.bn', 'downsample.1').removesuffix('.bn')
            for part in ('weight', 'bias', 'running_mean', 'running_var'):
                weights[f'{name.replace("conv", "bn")}.{part}'] = torch.rand(
                    module.num_features
                )
    return weights


def test_imagenet_weights_are_inflated(tmp_path, log_lines):
    path = tmp_path / 'imagenet.pth'
    network = DSANet(**NARROW, pretrained=str(path))
    weights = images_weights(network)
    torch.save(weights, path)
    network.init_weights()
    spatial = network.layer2[1].conv1.conv.weight
    assert torch.equal(spatial[:, :, 0], weights['layer2.1.conv1.weight'])
    temporal = network.layer3[1].conv1.conv.weight
    assert temporal.shape[2] == 3
    torch.testing.assert_close(temporal.sum(2), weights['layer3.1.conv1.weight'])
    shortcut = network.layer4[0].downsample.bn.weight
    assert torch.equal(shortcut, weights['layer4.0.downsample.1.weight'])
    assert f'DSANet: initial weights from {path}' in log_lines


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / 'imagenet.pth'
    network = DSANet(**NARROW, pretrained=str(path))
    with pytest.raises(ConfigError, match='of DSANet: no such file'):
        network.init_weights()
    weights = images_weights(network)
    weights['layer3.0.conv1.weight'] = torch.zeros(1)
    torch.save(weights, path)
    with pytest.raises(ConfigError, match=r"first 'layer3\.0\.conv1\.weight'"):
        network.init_weights()


def test_generators_start_as_torch_s_layers():
    network = DSANet(**NARROW)
    network.init_weights()
    layer = network.layer2[1].dsa.generate[0]
    torch.manual_seed(1)
    network.layer2[1].dsa.init_weights()
    torch.manual_seed(1)
    assert torch.equal(layer.weight, nn.Linear(4, 8, bias=False).weight)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(num_snippets=1), 'num_snippets = 1 of DSANet: .* 2 or more'),
        (dict(depth=18), r'dsa_blocks = .* of DSANet: need indices for each of 4 sta'),
        (dict(dsa_blocks=((), (1,))), r'dsa_blocks = \(\(\), \(1,\)\) of DSANet'),
        (dict(out_indices=(2, 3)), r'out_indices = \(2, 3\) of DSANet: it cannot be'),
        (dict(pretrained2d=False), 'pretrained2d = False of DSANet'),
        (dict(dsa_cfg=dict(split_ratio=1 / 999)), 'of 128 channels that makes 0'),
        (dict(dsa_cfg=dict(split_ratio=2)), 'of 128 channels that makes 256'),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message), torch.device('meta'):
        DSANet(**options)


@pytest.mark.parametrize(
    ('num_rows', 'num_snippets', 'message'),
    [
        (6, 6, 'DSANet got 6 snippets a video, 6 in all'),
        (12, 8, 'DSANet got 8 snippets a video, 12 in all'),
        (6, None, 'DSANet got 4 snippets a video, 6 in all'),
    ],
)
def test_snippets_of_no_whole_group_are_refused(num_rows, num_snippets, message):
    with pytest.raises(ConfigError, match=message):
        make_network()(torch.randn(num_rows, 3, 2, 16, 16), num_snippets=num_snippets)
