import pytest
import torch
from oracles.by_key import draw
from oracles.facenet_by_key import public_embeddings, public_shapes
from recognizer_checks import (
    build_from_config,
    build_on_meta,
    load_public,
    make_samples,
)
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines import facenet_lstm
from mmdeepfake.models.baselines.facenet_lstm import InceptionResnetV1
from mmdeepfake.models.conversion.facenet import RULES

FFPP = 'baselines/facenet_lstm_ffpp_lq.py'
SMALL = dict(num_blocks=(1, 1, 2), width_ratio=0.1)


@pytest.fixture(scope='module')
def public_state():
    torch.manual_seed(0)
    return draw(public_shapes(), gain=2**0.5)


def load_backbone(state):
    model = build_on_meta(FFPP).to_empty(device='cpu')
    # The head has no public weights.
    head = {n: t for n, t in model.state_dict().items() if 'cls_head' in n}
    return load_public(model, state | head, RULES).backbone


@pytest.mark.parametrize('size', [(1, 3, 160, 160), (2, 3, 75, 90)])
def test_embeddings_are_the_public_ones_on_the_same_weights(public_state, size):
    backbone = load_backbone(public_state)
    frames = torch.randn(size)
    expected = public_embeddings(public_state, frames)
    assert expected.abs().max() > 0.1
    with torch.no_grad():
        found = backbone(frames)
    assert found.shape == (size[0], 512, 1, 1)
    torch.testing.assert_close(found[..., 0, 0], expected, rtol=1e-4, atol=1e-4)


def test_public_weights_are_loaded_without_their_classifier(
    public_state, tmp_path, log_lines, monkeypatch
):
    monkeypatch.setattr(facenet_lstm, 'draw_weights', lambda _: None)  # takes long
    path = tmp_path / 'vggface2.pt'
    classifier = {
        'logits.weight': torch.zeros(8631, 512),
        'logits.bias': torch.zeros(8631),
    }
    torch.save(public_state | classifier, path)
    backbone = InceptionResnetV1(pretrained=str(path))
    backbone.init_weights()
    loaded = backbone.state_dict()
    for name, tensor in load_backbone(public_state).state_dict().items():
        if 'num_batches' not in name:
            assert torch.equal(loaded[name], tensor), name
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
    told = any('frozen at random weights' in line for line in log_lines)
    assert told == warned
    assert any('initial weights drawn at random' in line for line in log_lines)


def test_small_frames_are_refused():
    backbone = InceptionResnetV1(**SMALL)
    with pytest.raises(ConfigError, match='frames of 80 x 74 pixels: need 75'):
        backbone(torch.randn(1, 3, 74, 80))


@pytest.mark.parametrize(
    'options', [dict(num_blocks=(1, 0, 1)), dict(width_ratio=1.5), dict(width_ratio=0)]
)
def test_wrong_sizes_are_refused(options):
    with pytest.raises(ConfigError, match='need three numbers of blocks'):
        InceptionResnetV1(**options)
