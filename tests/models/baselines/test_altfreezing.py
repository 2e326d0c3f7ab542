import torch
from mmengine.config import Config
from oracles import slowfast_by_key
from oracles.by_key import draw
from recognizer_checks import CONFIGS, build_on_meta, load_public

from mmdeepfake.models.conversion.altfreezing import RULES

FFPP = 'baselines/altfreezing_ffpp_lq.py'
PUBLISHED = 'published/altfreezing_ffpp_lq.py'


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
    model = load_public(build_on_meta(FFPP), state, RULES)
    clips = torch.randn(1, 3, 8, 32, 32)
    with torch.no_grad():
        logits = model.cls_head.classify(model.backbone(clips))
    expected = slowfast_by_key.altfreezing_logit(state, clips)
    torch.testing.assert_close(logits[:, 1:], expected, rtol=1e-4, atol=1e-5)
    assert logits[0, 0] == 0
