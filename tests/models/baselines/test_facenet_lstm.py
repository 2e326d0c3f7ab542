import pytest
import torch
from oracles.facenet_by_key import draw_public_state, public_embeddings
from recognizer_checks import (
    build_from_config,
    check_overfits,
    check_round_trip,
    count_parameters,
    load_model_config,
    make_samples,
)
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines.facenet_lstm import InceptionResnetV1
from mmdeepfake.models.conversion import convert
from mmdeepfake.models.conversion.facenet import RULES
from mmdeepfake.registry import MODELS

FFPP = 'baselines/facenet_lstm_ffpp_lq.py'
MINIFF = 'miniff/facenet_lstm_small_miniff.py'
SMALL = dict(num_blocks=(1, 1, 2), width_ratio=0.1)


@pytest.fixture(scope='module')
def public_state():
    torch.manual_seed(0)
    return draw_public_state()


def build_on_meta():
    with torch.device('meta'):
        return MODELS.build(load_model_config(FFPP))


def load_public(state):
    model = build_on_meta().to_empty(device='cpu')
    # The head has no public weights.
    state = state | {n: t for n, t in model.state_dict().items() if 'cls_head' in n}
    converted, report = convert(state, RULES, model.state_dict())
    assert (report.missing, report.unexpected, report.mismatched) == ((), {}, {})
    model.load_state_dict(converted)
    return model.backbone


def test_parameters_are_those_of_the_specification():
    model = build_on_meta()
    assert count_parameters(model.backbone) == 23_482_624
    assert count_parameters(model.cls_head.lstm) == 788_480
    assert count_parameters(model) == 23_482_624 + 788_480 + 514


@pytest.mark.parametrize('size', [(1, 3, 160, 160), (2, 3, 75, 90)])
def test_embeddings_are_the_public_ones_on_the_same_weights(public_state, size):
    backbone = load_public(public_state)
    frames = torch.randn(size)
    expected = public_embeddings(public_state, frames)
    assert expected.abs().max() > 0.1
    with torch.no_grad():
        found = backbone(frames)
    assert found.shape == (size[0], 512, 1, 1)
    torch.testing.assert_close(found[..., 0, 0], expected, rtol=1e-4, atol=1e-4)


def test_public_weights_are_loaded_without_their_classifier(
    public_state, tmp_path, log_lines
):
    path = tmp_path / 'vggface2.pt'
    classifier = {
        'logits.weight': torch.zeros(8631, 512),
        'logits.bias': torch.zeros(8631),
    }
    torch.save(public_state | classifier, path)
    backbone = InceptionResnetV1(pretrained=str(path))
    backbone.init_weights()
    for name, tensor in load_public(public_state).state_dict().items():
        if 'num_batches' not in name:
            assert torch.equal(backbone.state_dict()[name], tensor), name
    assert f'InceptionResnetV1: initial weights from {path}, frozen' in log_lines


def test_normalised_embeddings_have_length_one():
    torch.manual_seed(0)
    raw = InceptionResnetV1(**SMALL)
    torch.manual_seed(0)
    normalised = InceptionResnetV1(**SMALL, normalised=True)
    frames = torch.randn(2, 3, 75, 75)
    expected = raw(frames) / (raw(frames) ** 2).sum(dim=1, keepdim=True).sqrt()
    torch.testing.assert_close(normalised(frames), expected)


def test_frozen_network_gets_no_gradient_and_keeps_its_statistics():
    model = build_from_config(FFPP, **SMALL)
    before = {n: t.clone() for n, t in model.backbone.state_dict().items()}
    model.train()
    assert not any(module.training for module in model.backbone.modules())
    assert model.cls_head.training
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    clips = torch.randn(2, 16, 3, 80, 80)
    model.loss(clips, make_samples([0, 1]))['loss_cls'].backward()
    assert all(p.grad is None for p in model.backbone.parameters())
    assert all(p.grad.abs().sum() > 0 for p in model.cls_head.parameters())
    optimizer.step()
    for name, tensor in model.backbone.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_thawed_network_learns_and_counts_statistics():
    backbone = InceptionResnetV1(**SMALL, frozen=False)
    backbone.train()
    norms = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(m.training for m in norms)
    before = norms[0].running_mean.clone()
    backbone(torch.randn(2, 3, 75, 75)).sum().backward()
    assert not torch.equal(norms[0].running_mean, before)
    assert all(p.grad is not None for p in backbone.parameters())
    backbone.eval()
    assert not any(module.training for module in backbone.modules())


@pytest.mark.parametrize(('frozen', 'warned'), [(True, True), (False, False)])
def test_a_frozen_network_of_random_weights_is_told(log_lines, frozen, warned):
    InceptionResnetV1(**SMALL, frozen=frozen).init_weights()
    told = any('has learnt nothing of faces' in line for line in log_lines)
    assert told == warned
    assert any('initial weights drawn at random' in line for line in log_lines)


def test_small_frames_are_refused():
    backbone = InceptionResnetV1(**SMALL)
    with pytest.raises(ConfigError, match='frames of 80 x 74 pixels: need 75 or more'):
        backbone(torch.randn(1, 3, 74, 80))


@pytest.mark.parametrize(
    'options', [dict(num_blocks=(1, 0, 1)), dict(width_ratio=1.5), dict(width_ratio=0)]
)
def test_wrong_sizes_are_refused(options):
    with pytest.raises(ConfigError, match='need three numbers of blocks, 1 or more'):
        InceptionResnetV1(**options)


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / 'other.pt'
    torch.save({'conv1.weight': torch.zeros(1)}, path)
    with pytest.raises(ConfigError, match='it does not fill this network'):
        InceptionResnetV1(**SMALL, pretrained=str(path)).init_weights()


def test_it_learns_four_videos_of_noise_by_heart(tmp_path):
    def build():
        model = build_from_config(MINIFF)
        model.cls_head.sequence_len = 4
        return model

    clips, labels = torch.randn(4, 4, 3, 80, 80), [0, 1, 0, 1]
    model = build()
    check_overfits(model, clips, labels)
    check_round_trip(model, build, clips, tmp_path)
