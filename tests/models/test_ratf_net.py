import pytest
import torch
from mmaction.models.backbones.resnet import ResNet
from oracles.region_aware_filter import filter_snippet
from recognizer_checks import TWO_STAGES
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.backbones import RATF, RATFNet


def make_ratf(num_channels=4, **options):
    ratf = RATF(num_channels, clip_len=4, **options).double()
    for parameter in ratf.parameters():
        nn.init.normal_(parameter, std=0.3)
    return ratf


def calibrated_resnet(depth, images):
    """A random ResNet with BN statistics from `images`: else its features explode."""
    plain = ResNet(depth, **TWO_STAGES).double()
    plain.init_weights()
    for module in plain.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # those of one batch, not a mean over many
    plain.train()
    plain(images)
    plain.eval()
    return plain


def load_resnet(plain, network):
    missing, unexpected = network.load_state_dict(plain.state_dict(), strict=False)
    assert not unexpected
    assert all('.temporal.' in key for key in missing)


def affine_of_logits(ratf):
    """Scale and bias that the 1x1's output gets in evaluation."""
    norm, bias = ratf.logit_norm, ratf.aggregate.bias
    if bias is not None:
        return [1.0] * len(bias), bias.tolist()
    rows = zip(norm.weight, norm.bias, norm.running_mean, norm.running_var, strict=True)
    scales = [float(w) / (float(v) + norm.eps) ** 0.5 for w, _, _, v in rows]
    rows = zip(scales, norm.bias, norm.running_mean, strict=True)
    return scales, [float(b) - s * float(mean) for s, b, mean in rows]


@pytest.mark.parametrize('align', ['conv', 'none'])
@pytest.mark.parametrize('logit_norm', ['BN', None])
def test_ratf_matches_the_plain_loops(align, logit_norm):
    ratf = make_ratf(
        num_basis=3, align=align, temperature=0.5, fc_ratio=2, logit_norm=logit_norm
    ).eval()
    if logit_norm:
        nn.init.normal_(ratf.logit_norm.running_mean)
        nn.init.uniform_(ratf.logit_norm.running_var, 0.5, 2)
    snippet = torch.randn(4, 4, 3, 4, dtype=torch.float64)
    kernels = {
        name: getattr(ratf, f'align_{name}').weight.detach().numpy()
        if align == 'conv'
        else None
        for name in ('previous', 'current', 'following')
    }
    scale, bias = affine_of_logits(ratf)
    expected = filter_snippet(
        snippet.numpy(),
        num_filtered=2,
        temperature=0.5,
        weights=dict(
            w1=ratf.fc1.weight.tolist(),
            w2=ratf.fc2.weight.tolist(),
            b2=ratf.fc2.bias.tolist(),
            aggregate=ratf.aggregate.weight.flatten(1).tolist(),
            scale=scale,
            bias=bias,
            **kernels,
        ),
    )
    torch.testing.assert_close(ratf(snippet).detach(), torch.from_numpy(expected))


def rule(ratf, features):
    """Share of the positions at which each basis has the greatest weight."""
    chosen = ratf.make_weights(features).argmax(dim=1)
    return torch.bincount(chosen.flatten(), minlength=ratf.num_basis) / chosen.numel()


@pytest.mark.parametrize(
    ('logit_norm', 'low', 'high'), [('BN', 0, 0.5), (None, 0.9, 1)]
)
def test_features_behind_a_relu_leave_one_basis_alone_unless_normalised(
    logit_norm, low, high
):
    """Their means differ between the bases' logits by more than positions do."""
    ratf = RATF(64, clip_len=4, logit_norm=logit_norm)
    nn.init.normal_(ratf.aggregate.weight, std=0.03)  # as trainings make it
    features = (5 + torch.randn(8, 4, 32, 8, 8)).relu()
    assert low < rule(ratf, features).max() <= high


@pytest.mark.parametrize(
    'options',
    [
        dict(logit_norm=None),
        dict(init='difference'),
        dict(init='difference', kernel_size=5),
        dict(init='identity'),
        dict(kernel_size=5),
        dict(split_ratio=1.0),
    ],
    ids=str,
)
def test_every_option_filters_the_first_channels_and_learns(options):
    ratf = RATF(16, clip_len=4, **options)
    x = torch.randn(8, 16, 6, 6)
    out = ratf(x)
    assert out.shape == x.shape
    assert torch.equal(out[:, ratf.num_filtered :], x[:, ratf.num_filtered :])
    out.square().sum().backward()
    for name, parameter in ratf.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name


def test_temporal_fc_keeps_channels_apart():
    ratf = make_ratf(8)
    features = torch.randn(1, 4, 4, 6, 6, dtype=torch.float64)
    changed = features.clone()
    changed[:, :, 3] += 1
    difference = ratf.make_basis(changed) - ratf.make_basis(features)
    assert difference[:, :3].abs().max() == 0


def test_changing_one_snippet_leaves_the_others_bit_identical():
    ratf = make_ratf(8).eval()  # in training the norm sees the batch
    x = torch.randn(12, 8, 5, 5, dtype=torch.float64)
    changed = x.clone()
    changed[4:8] += 1
    before, after = ratf(x), ratf(changed)
    assert torch.equal(before[:4], after[:4])
    assert torch.equal(before[8:], after[8:])
    assert not torch.equal(before[4:8], after[4:8])


def test_with_constant_bases_it_is_a_static_depthwise_convolution():
    ratf = make_ratf(8, split_ratio=1.0)
    taps = torch.tensor([0.3, -1.2, 0.7], dtype=torch.float64)
    with torch.no_grad():
        ratf.fc2.weight.zero_()
        ratf.fc2.bias.copy_(taps)
    x = torch.randn(4, 8, 5, 5, dtype=torch.float64)
    static = nn.Conv3d(8, 8, (3, 1, 1), padding=(1, 0, 0), groups=8, bias=False)
    static.weight.data = taps.view(1, 1, 3, 1, 1).expand(8, -1, -1, -1, -1)
    expected = static(x.transpose(0, 1)[None])[0].transpose(0, 1)
    torch.testing.assert_close(ratf(x), expected)


def test_half_precision_survives_large_logits():
    ratf = RATF(16, clip_len=4)
    nn.init.constant_(ratf.logit_norm.bias, 900.0)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        out = ratf(torch.randn(4, 16, 6, 6))
    assert torch.isfinite(out).all()


def test_centred_start_is_near_the_identity_with_bases_that_differ():
    x = torch.randn(4, 64, 14, 14).relu()
    centred = RATF(64, clip_len=4)
    off = (centred(x) - x)[:, :32].norm() / x[:, :32].norm()
    assert 0 < off < 0.3
    features = x.unflatten(0, (1, 4))[:, :, :32]
    assert centred.make_basis(features).std(dim=2).max() > 1e-3
    identity = RATF(64, clip_len=4, init='identity')
    assert identity.make_basis(features).std(dim=2).max() == 0
    torch.testing.assert_close(identity(x), x)


@pytest.mark.parametrize('kernel_size', [3, 5])
def test_difference_start_is_a_second_difference_over_time(kernel_size):
    ratf = RATF(8, clip_len=4, kernel_size=kernel_size, init='difference', init_scale=0)
    x = torch.randn(4, 8, 5, 5)
    out = ratf(x)
    for t in (1, 2):
        expected = x[t, :4] - (x[t - 1, :4] + x[t + 1, :4]) / 2
        torch.testing.assert_close(out[t, :4], expected)


def test_identity_start_moves_all_but_the_first_fc_layer():
    ratf = RATF(16, clip_len=4, init='identity')
    ratf(torch.randn(4, 16, 6, 6)).square().sum().backward()
    still = [n for n, p in ratf.named_parameters() if p.grad.abs().max() == 0]
    # Equal bases: no weight matters yet, and a zero second layer hides the first.
    assert 'fc1.weight' in still
    assert 'fc2.weight' not in still


@pytest.mark.parametrize('depth', [18, 50])
def test_identity_start_equals_resnet_on_the_same_weights(depth):
    images = torch.randn(8, 3, 32, 32, dtype=torch.float64)
    plain = calibrated_resnet(depth, images)
    network = RATFNet(
        depth,
        clip_len=4,
        ratf_stages=(True, True),
        ratf_cfg=dict(init='identity'),
        **TWO_STAGES,
    ).double()
    load_resnet(plain, network)
    network.eval()
    expected, (got,) = plain(images), network(images)
    assert (got - expected).norm() / expected.norm() < 1e-12


@pytest.mark.parametrize(
    ('options', 'num_parameters'),
    [
        (dict(), 29_542_640),
        (dict(ratf_cfg=dict(align='none')), 23_569_648),
        (dict(ratf_stages=(False,) * 4), 23_508_032),
    ],
    ids=str,
)
def test_parameter_counts_of_ratfnet_50(options, num_parameters):
    with torch.device('meta'):
        network = RATFNet(50, clip_len=4, **options)
    assert sum(p.numel() for p in network.parameters()) == num_parameters


def test_basic_blocks_filter_before_their_first_convolution():
    with torch.device('meta'):
        network = RATFNet(18, clip_len=4)
    channels = [m.num_filtered * 2 for m in network.temporal_modules().values()]
    assert channels == [64, 64, 64, 128, 128, 256, 256, 512]


def test_initialisation_of_the_whole_network_keeps_the_modules_start():
    network = RATFNet(18, clip_len=4, ratf_cfg=dict(init='identity'))
    network.init_weights()
    for module in network.temporal_modules().values():
        assert module.fc2.weight.abs().max() == 0
        assert module.aggregate.weight.std() < 2e-3


def torchvision_names(plain):
    """The state of MMAction2's ResNet under torchvision's key names."""
    renamed = {}
    for key, value in plain.state_dict().items():
        parts = key.split('.')
        if 'downsample' in parts:
            parts[-2] = {'conv': '0', 'bn': '1'}[parts[-2]]
        else:
            parts[-3:-1] = [
                parts[-3] if parts[-2] == 'conv' else parts[-3].replace('conv', 'bn')
            ]
        renamed['.'.join(parts)] = value
    return renamed | {'fc.weight': torch.zeros(1000, 512), 'fc.bias': torch.zeros(1000)}


def test_pretrained_weights_reach_the_resnet_and_leave_the_modules(tmp_path):
    plain = ResNet(18)
    plain.init_weights()
    torch.save(torchvision_names(plain), tmp_path / 'resnet18.pth')
    network = RATFNet(18, clip_len=4, pretrained=str(tmp_path / 'resnet18.pth'))
    network.init_weights()
    state = network.state_dict()
    for key, value in plain.state_dict().items():
        assert torch.equal(state[key], value), key


def test_pretrained_weights_of_another_depth_are_refused(tmp_path):
    plain = ResNet(18)
    torch.save(torchvision_names(plain), tmp_path / 'resnet18.pth')
    with torch.device('meta'):
        network = RATFNet(34, clip_len=4, pretrained=str(tmp_path / 'resnet18.pth'))
    with pytest.raises(
        ConfigError, match=r'of the 33 tensors that it needs are missing'
    ):
        network.init_weights()


def test_absent_pretrained_file_is_named():
    with torch.device('meta'):
        network = RATFNet(18, clip_len=4, pretrained='nowhere/resnet18.pth')
    with pytest.raises(ConfigError, match=r'nowhere/resnet18\.pth.*no such file'):
        network.init_weights()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(init='zero'), "init = 'zero' of RATF: allowed are 'centred'"),
        (dict(align='dense'), "align = 'dense'"),
        (dict(logit_norm='LN'), "logit_norm = 'LN' of RATF: allowed are 'BN', None"),
        (dict(kernel_size=4), 'kernel_size = 4: need an odd number'),
        (dict(num_basis=0), 'num_basis = 0: need 1 or more'),
        (dict(temperature=0), 'temperature = 0: need a number above 0'),
        (dict(split_ratio=1.5), r'split_ratio = 1.5: need a share in \(0, 1\]'),
        (dict(clip_len=8), 'give it once, to RATFNet'),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message), torch.device('meta'):
        RATFNet(18, clip_len=4, ratf_cfg=options)


def test_unknown_depth_and_stage_flags_are_refused():
    with pytest.raises(KeyError, match='invalid depth 20'):
        RATFNet(20, clip_len=4)
    with pytest.raises(ConfigError, match='one flag for each of its 4 stages'):
        RATFNet(18, clip_len=4, ratf_stages=(True, False))
    with pytest.raises(ConfigError, match="clip_len = 'four' of RATFNet"):
        RATFNet(18, clip_len='four')


def test_a_batch_that_is_no_multiple_of_the_snippet_is_refused():
    with torch.device('meta'):
        network = RATFNet(18, clip_len=4)
    with pytest.raises(ConfigError, match='6 frames, not a multiple of clip_len = 4'):
        network(torch.zeros(6, 3, 32, 32))


def test_checkpointed_bottlenecks_give_the_same_gradients():
    options = dict(clip_len=2, ratf_stages=(True, True), norm_eval=True, **TWO_STAGES)
    network = RATFNet(50, with_cp=True, **options).double()
    plain = RATFNet(50, **options).double()
    plain.load_state_dict(network.state_dict())
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    for net in (network.train(), plain.train()):
        net(images)[0].sum().backward()
    for (name, a), b in zip(
        network.named_parameters(), plain.parameters(), strict=True
    ):
        torch.testing.assert_close(a.grad, b.grad, msg=name)
