from dataclasses import replace

import pytest
import torch
from oracles.by_key import draw
from oracles.public_bottlenecks import DSANET, network, public_shapes
from recognizer_checks import convert_all, load_model_config, load_public

from mmdeepfake.models.conversion.dsanet import RULES
from mmdeepfake.registry import MODELS


def build(width):
    cfg = load_model_config('baselines/dsanet_ffpp_lq.py', base_channels=width)
    cfg.cls_head.in_channels = 32 * width
    return MODELS.build(cfg)


@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_every_public_tensor_finds_its_place(prefix):
    with torch.device('meta'):
        target = build(64).state_dict()
        shapes = public_shapes(replace(DSANET, width=64), 4)
        state = {prefix + name: torch.empty(shape) for name, shape in shapes.items()}
    assert set(convert_all(state, RULES, target)) == set(target)


@torch.no_grad()
@pytest.mark.parametrize('num_groups', [1, 2])
def test_converted_weights_give_the_public_scores(num_groups):
    """The public test runs groups g, g + G, g + 2G, ... and averages their logits."""
    state = draw(public_shapes(DSANET, 4), dtype=torch.float64)
    model = load_public(build(DSANET.width).double(), state, RULES)
    clips = torch.randn(2, 4 * num_groups, 3, 3, 32, 32, dtype=torch.float64)
    expected = torch.zeros(2, 2, dtype=torch.float64)
    for video in range(2):
        for group in range(num_groups):
            rows = clips[video, [group + num_groups * u for u in range(4)]]
            logits = network(rows, DSANET, state, 4)
            expected[video] += logits.mean(dim=0) / num_groups
    assert (expected[0] - expected[1]).abs().max() > 1e-3
    logits, _ = model.extract_feat(clips, stage='head')
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-9)
