import pytest
import torch
from mmaction.models.backbones.tanet import TANet
from oracles.by_key import draw
from oracles.public_bottlenecks import TAM, network, public_shapes
from recognizer_checks import build_on_meta, convert_all, load_public

from mmdeepfake.models.conversion import convert
from mmdeepfake.models.conversion.tam import RULES

CONFIG = 'baselines/tam_ffpp_lq.py'


def our_tensors():
    return build_on_meta(CONFIG).state_dict()


def public_tensors():
    shapes = public_shapes(TAM, 8).items()
    return {name: torch.empty(shape, device='meta') for name, shape in shapes}


def without_dropout():
    """The public code keeps the ResNet's own classifier then; in DataParallel."""
    return {
        'module.' + name.replace('new_fc.', 'base_model.fc.'): tensor
        for name, tensor in public_tensors().items()
    }


def of_mmaction2():
    names = TANet(50, num_segments=8).state_dict()
    state = {f'backbone.{name}': tensor for name, tensor in names.items()}
    head = {n: t for n, t in our_tensors().items() if n.startswith('cls_head')}
    return state | head


@pytest.mark.parametrize(
    'names', [public_tensors, without_dropout, of_mmaction2], ids=lambda f: f.__name__
)
def test_every_public_tensor_finds_its_place(names):
    target = our_tensors()
    assert set(convert_all(names(), RULES, target)) == set(target)


def test_a_classifier_of_other_classes_is_told():
    state = public_tensors() | {'new_fc.weight': torch.zeros(400, 2048)}
    _, report = convert(state, RULES, our_tensors())
    assert report.mismatched == {'cls_head.fc_cls.weight': ((400, 2048), (2, 2048))}


@torch.no_grad()
def test_converted_weights_give_the_public_scores():
    state = draw(public_shapes(TAM, 8), dtype=torch.float64)
    model = load_public(build_on_meta(CONFIG).double(), state, RULES)
    clips = torch.randn(2, 8, 3, 32, 32, dtype=torch.float64)
    expected = network(clips.flatten(0, 1), TAM, state, 8)
    expected = expected.unflatten(0, (2, 8)).mean(dim=1)
    assert (expected[0] - expected[1]).abs().max() > 1e-3
    logits, _ = model.extract_feat(clips, stage='head')
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-9)
