import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from recognizer_checks import TWO_STAGES
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.visualization.evidence import (
    compute_heat_maps,
    find_basis_regions,
    find_heat_layer,
    list_ratf_layers,
    scale_to_frames,
    weigh_activation,
)

T = 4


def build_detector(backbone, *, csa=False, in_channels=512, kind='SnippetRecognizer'):
    neck = dict(
        type='CrossSnippetAttention', in_channels=in_channels, clip_len=T, reduction=8
    )
    detector = dict(
        type=kind,
        backbone=backbone,
        cls_head=dict(
            type='TSNHead',
            num_classes=2,
            in_channels=in_channels,
            average_clips='prob',
            init_std=0.5,
        ),
        data_preprocessor=dict(type='ActionDataPreprocessor', format_shape='NCHW'),
    )
    if kind == 'SnippetRecognizer':
        detector['clip_len'] = T
    model = MODELS.build({**detector, 'neck': neck} if csa else detector)
    model.init_weights()
    return model


def ratf_net(depth=18, **options):
    return dict(type='RATFNet', depth=depth, clip_len=T, pretrained=None, **options)


ONE_STAGE = dict(num_stages=1, strides=(1,), dilations=(1,), out_indices=(0,))
RATF_STAGES = dict(ratf_stages=(True, True), **TWO_STAGES)


@pytest.fixture
def ratf_model():
    backbone = ratf_net(ratf_cfg=dict(num_basis=4), **RATF_STAGES)
    return build_detector(backbone, csa=True, in_channels=128)


class TwoConvolutions(nn.Module):
    """A convolution, and a point-wise one whose CAM can be written down."""

    def __init__(self):
        super().__init__()
        self.features = nn.Conv2d(3, 6, 3, stride=4, padding=1)

    def forward(self, x):
        return self.features(x)


def linear_model():
    model = build_detector(dict(type='ResNet', depth=18, **ONE_STAGE), in_channels=6)
    model.backbone = TwoConvolutions()
    return model


def test_heat_of_a_linear_model_is_its_class_activation_map():
    # Zhou et al., CVPR 2016: with average pooling and one linear layer the map is the
    # sum of the channels, each times the weight that the class gives it.
    model, frames = linear_model(), torch.randn(8, 3, 32, 32)
    heat = compute_heat_maps(model, frames)
    assert heat.layer == 'backbone.features'
    weight = model.cls_head.fc_cls.weight.tolist()[1]
    features = model.backbone(frames).detach().numpy()  # (8, 6, 8, 8)
    expected = np.zeros((8, 8, 8))
    for f in range(8):
        for row in range(8):
            for column in range(8):
                value = sum(weight[c] * features[f, c, row, column] for c in range(6))
                expected[f, row, column] = max(0.0, value)
    # The logit is a mean over 8 frames of 64 positions, and so is each gradient.
    np.testing.assert_allclose(heat.raw * 8 * 64, expected, rtol=1e-4, atol=1e-5)


def test_importance_is_the_mean_over_a_snippet():
    activation, gradient = torch.randn(2, 8, 3, 2, 5, dtype=torch.float64)
    heat = weigh_activation(activation, gradient, clip_len=4)
    for f in range(8):
        snippet = range(f // 4 * 4, f // 4 * 4 + 4)
        expected = torch.zeros(2, 5, dtype=torch.float64)
        for c in range(3):
            total = sum(gradient[t, c].sum() for t in snippet) / (4 * 2 * 5)
            expected += total * activation[f, c]
        torch.testing.assert_close(heat[f], expected.clamp(min=0))


def test_gradient_is_that_of_the_layers_that_follow(ratf_model):
    # Finite differences of the logit through CSA, channel by channel.
    model = ratf_model.double().eval()
    frames = torch.randn(8, 3, 16, 16, dtype=torch.float64)
    heat = compute_heat_maps(model, frames, layer='backbone.layer2')
    with torch.no_grad():
        (features,) = model.backbone(frames)
        total = torch.zeros(2, 2, dtype=torch.float64)
        for channel in range(128):
            logits = []
            for shift in (1e-5, -1e-5):
                moved = features.clone()
                moved[:4, channel] += shift  # of all positions of the first snippet
                maps = moved.transpose(0, 1)[None]  # (1, C, S*T, h, w)
                pooled, _ = model.neck([maps])
                logits.append(model.cls_head(pooled.squeeze(2), num_segs=1)[0, 1])
            slope = (logits[0] - logits[1]) / 2e-5
            total += slope / (4 * 2 * 2) * features[0, channel]
    np.testing.assert_allclose(heat.raw[0], total.clamp(min=0), rtol=1e-3, atol=1e-7)


def test_nothing_for_fake_gives_zeros_and_no_nan():
    model, frames = linear_model(), torch.randn(4, 3, 32, 32)
    nn.init.zeros_(model.cls_head.fc_cls.weight)
    heat = compute_heat_maps(model, frames)
    assert not heat.maps.any()
    assert heat.fake_score == pytest.approx(0.5)


def test_score_is_the_models_and_the_maximum_of_the_maps_is_one(ratf_model):
    frames = torch.randn(8, 3, 64, 64)
    heat = compute_heat_maps(ratf_model, frames)
    assert heat.maps.shape == (8, 64, 64)
    assert heat.maps.min() >= 0
    assert heat.maps.max() == pytest.approx(1)
    with torch.no_grad():
        logits, _ = ratf_model.eval().extract_feat(frames[None], stage='head')
    expected = logits.softmax(dim=1)[0, 1].item()
    assert heat.fake_score == pytest.approx(expected, abs=1e-6)


def test_enlarging_keeps_the_order_and_one_scale():
    raw = torch.tensor([[[0.0, 2.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]])
    maps = scale_to_frames(raw, (8, 8))
    assert maps[0].max() == 1
    assert maps[1].max() == 0.5
    assert maps[0].argmax() % 8 >= 6


@pytest.mark.parametrize(
    ('side', 'layer'),
    # At 8 pixels no map has 7 rows: the last of the largest ones, 4 x 4, is taken.
    [(224, 'layer4'), (64, 'layer2'), (8, 'conv1')],
)
def test_layer_is_the_deepest_with_enough_rows(side, layer):
    model = build_detector(dict(type='ResNet', depth=18))
    frames = torch.zeros(4, 3, side, side)
    assert find_heat_layer(model, frames) == f'backbone.{layer}'


def test_model_is_left_as_it_was(ratf_model):
    ratf_model.train()
    ratf_model.backbone.layer1.eval()
    modes = [module.training for module in ratf_model.modules()]
    weights = [value.clone() for value in ratf_model.state_dict().values()]
    random_state = torch.get_rng_state()
    frames = torch.randn(8, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        compute_heat_maps(ratf_model, frames)
        find_basis_regions(ratf_model, frames)
        assert not torch.is_grad_enabled()
    assert torch.equal(random_state, torch.get_rng_state())
    assert modes == [module.training for module in ratf_model.modules()]
    assert all(parameter.grad is None for parameter in ratf_model.parameters())
    after = ratf_model.state_dict().values()
    assert all(torch.equal(a, b) for a, b in zip(weights, after, strict=True))
    assert not any(module._forward_hooks for module in ratf_model.modules())


def test_frozen_model_has_heat(ratf_model):
    frames = torch.randn(8, 3, 64, 64)
    before = compute_heat_maps(ratf_model, frames).raw
    ratf_model.requires_grad_(False)
    after = compute_heat_maps(ratf_model, frames).raw
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize('depth', [18, 50])
def test_regions_are_the_basis_with_the_greatest_weight(depth):
    channels = 128 if depth == 18 else 512
    backbone = ratf_net(depth=depth, **RATF_STAGES)
    model = build_detector(backbone, in_channels=channels).eval()
    frames = torch.randn(8, 3, 64, 64)
    layer = list_ratf_layers(model)[1]
    regions = find_basis_regions(model, frames, layer=layer)
    ratf, given = model.get_submodule(layer), []
    handle = ratf.register_forward_pre_hook(lambda _, args: given.append(args[0]))
    with torch.no_grad():
        model.backbone(frames)
    handle.remove()
    features = given[0].unflatten(0, (2, T))[:, :, : ratf.num_filtered]
    logits = ratf.make_logits(features).detach().numpy()
    for snippet, row, column in [(0, 0, 0), (0, 3, 9), (1, 15, 2), (1, 7, 7)]:
        best = max(range(8), key=lambda r: logits[snippet, r, row, column])
        assert regions.chosen[snippet, row, column] == best
    basis = ratf.make_basis(features).detach().numpy()
    np.testing.assert_allclose(regions.taps, basis, rtol=1e-5)
    np.testing.assert_allclose(regions.weights.sum(axis=1), 1, rtol=1e-5)


def test_regions_are_of_the_deepest_layer_with_enough_rows(ratf_model):
    regions = find_basis_regions(ratf_model, torch.randn(4, 3, 64, 64))
    assert regions.layer == 'backbone.layer2.0.temporal'
    assert regions.chosen.shape == (1, 16, 16)
    np.testing.assert_array_equal(  # enlarged as blocks
        regions.chosen_at_frame_size(), regions.chosen.repeat(4, 1).repeat(4, 2)
    )


def test_compact_network_has_heat_and_regions():
    backbone = dict(type='RATFLite0', clip_len=T)
    model = build_detector(backbone, csa=True, in_channels=1280)
    frames = torch.randn(8, 3, 64, 64)
    assert compute_heat_maps(model, frames).layer == 'backbone.layer3'
    regions = find_basis_regions(model, frames)
    assert regions.layer == 'backbone.layer3.0.temporal'
    np.testing.assert_allclose(regions.weights.sum(axis=1), 1, rtol=1e-5)
    assert regions.chosen.shape == (2, 16, 16)


def test_other_networks_have_no_regions():
    model = build_detector(dict(type='ResNet', depth=18, **ONE_STAGE), in_channels=64)
    assert list_ratf_layers(model) == []
    with pytest.raises(ConfigError, match='ResNet has no RATF'):
        find_basis_regions(model, torch.zeros(4, 3, 32, 32))


def test_three_dimensional_networks_are_refused():
    with pytest.raises(ConfigError, match=r'Linear is not supported.* 2D'):
        compute_heat_maps(nn.Linear(1, 1), torch.zeros(4, 3, 32, 32))


@pytest.mark.parametrize(
    ('shape', 'message'),
    [
        ((1, 4, 3, 8, 8), r'\(1, 4, 3, 8, 8\): need \(frames of one video, 3'),
        ((4, 1, 8, 8), r'\(4, 1, 8, 8\): need'),
        ((6, 3, 64, 64), '6 frames of a video: need a multiple of the 4'),
    ],
)
def test_wrong_frames_are_refused(ratf_model, shape, message):
    with pytest.raises(ConfigError, match=message):
        compute_heat_maps(ratf_model, torch.zeros(shape))


@pytest.mark.parametrize(
    ('layer', 'message'),
    [
        (
            'backbone.layer9',
            "no layer 'backbone.layer9'; use for example backbone.conv1",
        ),
        ('cls_head', 'Grad-CAM needs one map per frame'),
        ('data_preprocessor', 'is not used in the forward pass'),
    ],
)
def test_wrong_layer_of_heat_is_refused(ratf_model, layer, message):
    with pytest.raises(ConfigError, match=message):
        compute_heat_maps(ratf_model, torch.zeros(4, 3, 64, 64), layer=layer)


def test_wrong_layer_of_regions_is_refused(ratf_model):
    with pytest.raises(ConfigError, match=r'allowed: backbone\.layer1\.0\.temporal'):
        find_basis_regions(ratf_model, torch.zeros(4, 3, 64, 64), layer='backbone')
