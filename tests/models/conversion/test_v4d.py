import pytest
import torch
from oracles.by_key import draw
from oracles.v4d_in_loops import network, public_shapes
from recognizer_checks import convert_all, load_model_config, load_public

from mmdeepfake.commands.convert_checkpoint import CONFIG_OF_CODE
from mmdeepfake.models.conversion.v4d import RULES
from mmdeepfake.registry import MODELS

MODELS_OF_DEPTH = {
    50: (CONFIG_OF_CODE['v4d'], {}),
    18: ('miniff/v4d_r18_miniff.py', dict(r4d_norm=False)),
}
FORMS = {
    'as (U, T, H*W)': lambda kernel: kernel.squeeze(-1),
    'taps over snippets first': lambda kernel: kernel.permute(2, 0, 1, 3, 4, 5),
    'plain': lambda kernel: kernel,
}


def build(depth, **backbone):
    leaf, options = MODELS_OF_DEPTH[depth]
    cfg = load_model_config(leaf, **options, **backbone)
    width = cfg.backbone.get('base_channels', 64)
    cfg.cls_head.in_channels = cfg.cls_head.in_channels * width // 64
    return MODELS.build(cfg)


@pytest.mark.parametrize('depth', [18, 50])
def test_every_public_tensor_finds_its_place(depth):
    with torch.device('meta'):
        target = build(depth).state_dict()
        state = {
            f'module.{name}': torch.empty(shape)
            for name, shape in public_shapes(depth).items()
        }
    assert set(convert_all(state, RULES, target)) == set(target)


@torch.no_grad()
@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('depth', [18, 50])
def test_converted_weights_give_the_public_scores(depth, form):
    state = draw(public_shapes(depth, base_channels=8), dtype=torch.float64)
    public = {
        name: FORMS[form](tensor) if '.tsa.' in name else tensor
        for name, tensor in state.items()
    }
    model = load_public(build(depth, base_channels=8).double(), public, RULES)
    clips = torch.randn(2, 3, 3, 3, 33, 32, dtype=torch.float64)
    expected = network(clips, state, depth=depth)
    scores, _ = model.extract_feat(clips, stage='head')
    torch.testing.assert_close(scores, expected, rtol=1e-8, atol=1e-9)
    assert (expected[0] - expected[1]).abs().max() > 1e-3
