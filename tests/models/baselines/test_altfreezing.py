import pytest
import torch
from mmengine.config import Config
from oracles import slowfast_by_key
from oracles.by_key import draw
from recognizer_checks import (
    CONFIGS,
    build_from_config,
    check_overfits,
    check_round_trip,
    count_parameters,
)

from mmdeepfake.models.conversion import convert
from mmdeepfake.models.conversion.altfreezing import RULES
from mmdeepfake.registry import MODELS

FFPP = 'baselines/altfreezing_ffpp_lq.py'
PUBLISHED = 'published/altfreezing_ffpp_lq.py'
MINIFF = 'miniff/altfreezing_slim_miniff.py'


def test_the_network_is_i3d_and_the_turns_are_all_that_is_new():
    ours, i3d = (
        Config.fromfile(CONFIGS / name)
        for name in (FFPP, 'baselines/i3d_r50_ffpp_lq.py')
    )
    assert ours.model == i3d.model == Config.fromfile(CONFIGS / PUBLISHED).model
    assert ours.custom_hooks[: len(i3d.custom_hooks)] == i3d.custom_hooks
    for key in ('custom_hooks', 'find_unused_parameters'):
        ours.pop(key)
    i3d.pop('custom_hooks')
    assert ours.to_dict() == i3d.to_dict()


def test_scores_equal_the_public_ones_on_the_same_weights():
    state = draw(slowfast_by_key.altfreezing_shapes())
    cfg = Config.fromfile(CONFIGS / FFPP).model
    cfg.backbone.pretrained = None
    with torch.device('meta'):
        model = MODELS.build(cfg)
    # The public head has one logit, of 2,048 weights and a bias.
    assert count_parameters(model) - 2_049 == 27_225_921
    model = model.to_empty(device='cpu')
    converted, report = convert(state, RULES, model.state_dict())
    assert (report.missing, report.unexpected, report.mismatched) == ((), {}, {})
    model.load_state_dict(converted, strict=False)
    model.train(False)
    clips = torch.randn(1, 3, 8, 32, 32)
    with torch.no_grad():
        logits = model.cls_head.classify(model.backbone(clips))
    expected = slowfast_by_key.altfreezing_logit(state, clips)
    torch.testing.assert_close(logits[:, 1:], expected, rtol=1e-4, atol=1e-5)
    assert logits[0, 0] == 0


@pytest.mark.slow
def test_it_learns_four_videos_of_noise_by_heart(tmp_path):
    """All kernels train in this test; their turns are those of the hook's own tests."""
    model = build_from_config(MINIFF)
    clips, labels = torch.randn(4, 1, 3, 2, 32, 32), [0, 1, 0, 1]
    check_overfits(model, clips, labels, num_steps=200, learning_rate=1e-3)
    check_round_trip(model, lambda: build_from_config(MINIFF), clips, tmp_path)
