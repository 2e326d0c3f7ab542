import numpy as np
import pytest
import torch
from oracles.by_key import draw
from oracles.xception_by_key import (
    max_pool_in_loops,
    normalise_in_loops,
    public_logits,
    public_shapes,
    relu,
    separable_in_loops,
)
from recognizer_checks import build_on_meta, convert_all, load_public
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines.xception import Xception, XceptionBlock
from mmdeepfake.models.conversion.xception import RULES

FFPP = 'baselines/xception_ffpp_lq.py'


@pytest.fixture(scope='module')
def public_state():
    torch.manual_seed(0)
    return draw(public_shapes(), gain=2**0.5)


def as_arrays(conv):
    """Depth-wise and point-wise kernels, mean, variance, weight, bias."""
    normal = conv.pointwise_conv.bn
    tensors = (
        conv.depthwise_conv.conv.weight[:, 0],
        conv.pointwise_conv.conv.weight[:, :, 0, 0],
        *(normal.running_mean, normal.running_var, normal.weight, normal.bias),
    )
    return [tensor.detach().numpy() for tensor in tensors]


def make_block(*widths, **options):
    block = XceptionBlock(widths, norm_cfg=dict(type='BN'), **options).double()
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 1.5)
            for tensor in (module.bias.data, module.running_mean):
                tensor.normal_()
    return block.eval()


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('starts_with_relu', [True, False])
@pytest.mark.parametrize('widths', [(2, 3, 3), (2, 2, 3), (2, 2, 2)])
def test_block_matches_the_loops(widths, stride, starts_with_relu):
    block = make_block(*widths, stride=stride, starts_with_relu=starts_with_relu)
    x = torch.randn(1, 2, 5, 6, dtype=torch.float64)
    shortcut = expected = x[0].numpy()
    for index, conv in enumerate(block.convs):
        depthwise, pointwise, *normal = as_arrays(conv)
        if index > 0 or starts_with_relu:
            expected = relu(expected)
        expected = normalise_in_loops(
            separable_in_loops(expected, depthwise, pointwise), *normal
        )
    if stride > 1:
        expected = max_pool_in_loops(expected, stride)
    if stride > 1 or widths[0] != widths[-1]:
        weight = block.shortcut.conv.weight.detach().numpy()[:, :, 0, 0]
        strided = shortcut[:, ::stride, ::stride]
        shortcut = np.stack(
            [
                sum(w * channel for w, channel in zip(row, strided, strict=True))
                for row in weight
            ]
        )
        normal = block.shortcut.bn
        shortcut = normalise_in_loops(
            shortcut,
            normal.running_mean.numpy(),
            normal.running_var.numpy(),
            normal.weight.detach().numpy(),
            normal.bias.detach().numpy(),
        )
    result = block(x)[0].detach()
    torch.testing.assert_close(result, torch.from_numpy(expected + shortcut))


def test_block_leaves_what_it_is_given():
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64)
    before = x.clone()
    make_block(2, 2, stride=1)(x)
    assert torch.equal(x, before)


def test_no_convolution_has_a_bias():
    convs = [m for m in build_on_meta(FFPP).modules() if isinstance(m, nn.Conv2d)]
    num_separable = 3 * 2 + 8 * 3 + 2 + 2  # entry, middle and exit blocks, the end
    assert len(convs) == 2 + 2 * num_separable + 4  # the first two, the shortcuts
    assert all(conv.bias is None for conv in convs)


def test_maps_have_the_published_sizes():
    backbone = build_on_meta(FFPP).backbone
    x = torch.empty(1, 3, 224, 224, device='meta')
    sides = []
    for part in (backbone.conv1, backbone.conv2, *backbone.blocks):
        x = part(x)
        sides.append(x.shape[-1])
    assert sides == [111, 109, 55, 28, *[14] * 9, 7]
    at_299 = backbone(torch.empty(1, 3, 299, 299, device='meta'))
    assert at_299.shape == (1, 2048, 10, 10)


def as_legacy(state):
    """The oldest file stores point-wise kernels as matrices."""
    return {
        name: tensor[:, :, 0, 0] if 'pointwise' in name else tensor
        for name, tensor in state.items()
    }


def as_faceforensics(state):
    """A trained detector, saved whole: under a wrapper, with dropout before the FC."""
    return {
        'model.' + name.replace('fc.', 'last_linear.1.'): tensor
        for name, tensor in state.items()
    }


def as_deepfakebench(state):
    renamed = {
        'module.backbone.' + name.replace('fc.', 'last_linear.'): tensor
        for name, tensor in state.items()
    }
    return renamed | {'module.backbone.adjust_channel.0.weight': torch.zeros(2)}


@pytest.mark.parametrize('form', [as_legacy, as_faceforensics, as_deepfakebench])
def test_every_form_of_the_public_file_becomes_the_same_weights(public_state, form):
    target = build_on_meta(FFPP).state_dict()
    expected = convert_all(public_state, RULES, target)
    found = convert_all(form(public_state), RULES, target)
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_logits_equal_the_public_networks_on_the_same_weights(public_state):
    model = load_public(build_on_meta(FFPP), public_state, RULES)
    images = torch.randn(2, 3, 75, 75, dtype=torch.float64)
    with torch.no_grad():
        logits = model.double().cls_head(model.backbone(images), num_segs=1)
    exact = {name: tensor.double() for name, tensor in public_state.items()}
    torch.testing.assert_close(logits, public_logits(exact, images))


def test_pretrained_takes_all_but_the_classifier(public_state, tmp_path, log_lines):
    path = tmp_path / 'xception.pth'
    torch.save(as_legacy(public_state), path)
    backbone = Xception(pretrained=str(path))
    backbone.init_weights()
    whole = load_public(build_on_meta(FFPP), public_state, RULES)
    loaded = backbone.state_dict()
    for name, tensor in whole.backbone.state_dict().items():
        if 'num_batches' not in name:
            assert torch.equal(loaded[name], tensor), name
    assert f'Xception: initial weights from {path}' in log_lines


@pytest.mark.parametrize(
    'options', [dict(num_middle_blocks=-1), dict(width_ratio=0), dict(width_ratio=2)]
)
def test_wrong_options_are_refused(options):
    with pytest.raises(ConfigError, match='of Xception: need 0'):
        Xception(**options)
