import pytest
import torch
from oracles.by_key import draw
from oracles.inception_i3d_by_key import (
    public_features,
    public_logits,
    public_shapes,
    windows,
)
from recognizer_checks import build_on_meta, load_public
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines.inception_i3d import (
    InceptionI3d,
    SamePaddedConv,
    SamePaddedMaxPool,
)
from mmdeepfake.models.conversion.i3d import RULES
from mmdeepfake.ops.same_padding import same_padding

FFPP = 'baselines/i3d_inception_ffpp_lq.py'


def load_network(state):
    return load_public(build_on_meta(FFPP), state, RULES)


@pytest.fixture(scope='module')
def public_state():
    torch.manual_seed(0)
    return draw(public_shapes(), gain=2**0.5)


@pytest.mark.parametrize(('kernel', 'stride'), [(1, 1), (2, 2), (3, 1), (3, 2), (7, 2)])
def test_padding_lets_the_windows_fit(kernel, stride):
    for size in range(1, 12):
        reach = windows(size, kernel, stride)
        before, after = same_padding(size, kernel=kernel, stride=stride)
        assert (-before, size + after) == (reach[0][0], max(reach[-1][-1] + 1, size))


def test_padded_convolution_matches_the_loops():
    conv = SamePaddedConv(
        2,
        1,
        (3, 2, 3),
        stride=(2, 2, 1),
        conv_cfg=dict(type='Conv3d'),
        norm_cfg=None,
        act_cfg=None,
        bias=False,
    ).double()
    x = torch.randn(1, 2, 4, 5, 3, dtype=torch.float64)
    kernel = conv.conv.weight[0].tolist()
    reach = [windows(4, 3, 2), windows(5, 2, 2), windows(3, 3, 1)]
    expected = torch.zeros(1, 1, *map(len, reach), dtype=torch.float64)
    for a, frames in enumerate(reach[0]):
        for b, rows in enumerate(reach[1]):
            for c, columns in enumerate(reach[2]):
                for channel in range(2):
                    for i, t in enumerate(frames):
                        for j, h in enumerate(rows):
                            for k, w in enumerate(columns):
                                if 0 <= t < 4 and 0 <= h < 5 and 0 <= w < 3:
                                    expected[0, 0, a, b, c] += (
                                        kernel[channel][i][j][k]
                                        * x[0, channel, t, h, w].item()
                                    )
    torch.testing.assert_close(conv(x).detach(), expected)


def test_padded_pooling_takes_the_maximum_of_what_is_inside():
    x = torch.rand(1, 1, 5, 4, 6)
    pooled = SamePaddedMaxPool((3, 2, 3), stride=(2, 2, 2))(x)
    reach = [windows(5, 3, 2), windows(4, 2, 2), windows(6, 3, 2)]
    assert pooled.shape[2:] == tuple(map(len, reach))
    for a, frames in enumerate(reach[0]):
        for b, rows in enumerate(reach[1]):
            for c, columns in enumerate(reach[2]):
                inside = [
                    x[0, 0, t, h, w].item()
                    for t in frames
                    for h in rows
                    for w in columns
                    if 0 <= t < 5 and 0 <= h < 4 and 0 <= w < 6
                ]
                assert pooled[0, 0, a, b, c].item() == max(inside)


@pytest.mark.parametrize('size', [(16, 32, 64), (9, 37, 50), (4, 32, 32)])
def test_network_equals_the_public_one_on_the_same_weights(public_state, size):
    model = load_network(public_state).double()
    state = {name: tensor.double() for name, tensor in public_state.items()}
    clips = torch.randn(1, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        features = model.backbone(clips)
        logits = model.cls_head(features)
    # Sides are rounded up at each halving.
    steps = [-(-size[0] // 8), -(-size[1] // 32), -(-size[2] // 32)]
    assert list(features.shape) == [1, 1024, *steps]
    torch.testing.assert_close(features, public_features(state, clips))
    torch.testing.assert_close(logits, public_logits(state, clips))


def test_sizes_are_those_of_the_paper():
    backbone = build_on_meta(FFPP).backbone
    for num_frames, steps in ((16, 2), (8, 1), (64, 8)):
        clips = torch.empty(1, 3, num_frames, 224, 224, device='meta')
        assert backbone(clips).shape == (1, 1024, steps, 7, 7)


def test_no_convolution_has_a_bias_and_normalisation_is_the_public_codes():
    backbone = build_on_meta(FFPP).backbone
    convs = [m for m in backbone.modules() if isinstance(m, nn.Conv3d)]
    normal = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm3d)]
    assert len(convs) == len(normal) == 3 + 9 * 6
    assert all(conv.bias is None for conv in convs)
    assert {(m.eps, m.momentum) for m in normal} == {(1e-3, 0.01)}


def test_pretrained_takes_all_but_the_classifier(public_state, tmp_path, log_lines):
    path = tmp_path / 'rgb_imagenet.pt'
    kinetics = public_state | {
        'logits.conv3d.weight': torch.zeros(400, 1024, 1, 1, 1),
        'logits.conv3d.bias': torch.zeros(400),
    }
    torch.save(kinetics, path)
    backbone = InceptionI3d(pretrained=str(path))
    backbone.init_weights()
    loaded = backbone.state_dict()
    for name, tensor in load_network(public_state).backbone.state_dict().items():
        assert torch.equal(loaded[name], tensor), name
    assert f'InceptionI3d: initial weights from {path}' in log_lines


def test_weights_of_another_network_are_refused(public_state, tmp_path):
    path = tmp_path / 'other.pt'
    extra = public_state | {'Mixed_6b.b0.conv3d.weight': torch.zeros(1)}
    torch.save(extra, path)
    with pytest.raises(ConfigError, match=r"'Mixed_6b\.b0\.conv3d\.weight'"):
        InceptionI3d(pretrained=str(path)).init_weights()
