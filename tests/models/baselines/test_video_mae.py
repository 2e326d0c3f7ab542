import functools

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from oracles import vit_by_key
from oracles.by_key import draw
from recognizer_checks import (
    CONFIGS,
    build_from_config,
    count_parameters,
    load_model_config,
    make_samples,
)

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines import VideoMAEVisionTransformer
from mmdeepfake.models.conversion import convert
from mmdeepfake.models.conversion.videomae import RULES
from mmdeepfake.registry import MODELS

FFPP = 'baselines/video_mae_ffpp_lq.py'
PROBE = 'baselines/video_mae_probe_ffpp_lq.py'
PUBLISHED = 'published/video_mae_ffpp_lq.py'
MINIFF = 'miniff/video_mae_small_miniff.py'

SMALL = dict(width=24, depth=2)


@functools.cache
def whole_model():
    """On the CPU: MMAction2's class reads a number off a tensor as it is built."""
    return MODELS.build(load_model_config(FFPP))


def build_small(**settings):
    return VideoMAEVisionTransformer(
        num_frames=4, img_size=32, embed_dims=24, depth=2, num_heads=3, **settings
    )


def test_parameters_are_those_of_the_specification():
    assert count_parameters(whole_model()) == 86_228_738
    assert whole_model().backbone.pos_embed.shape == (1, 1568, 768)


def test_a_probe_trains_a_classifier_of_768_features_alone():
    model = MODELS.build(load_model_config(PROBE, depth=1))
    trained = {n: p.numel() for n, p in model.named_parameters() if p.requires_grad}
    assert trained == {'cls_head.fc_cls.weight': 1_536, 'cls_head.fc_cls.bias': 2}
    assert sum(trained.values()) == 1_538


def test_a_frozen_backbone_stays_as_it_is_and_needs_no_graph():
    model = build_from_config(MINIFF, frozen=True, drop_path_rate=0.5)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.train()
    assert not any(module.training for module in model.backbone.modules())
    clips = torch.randn(2, 1, 3, 16, 64, 64)
    assert not model.extract_feat(clips)[0].requires_grad
    optimizer = torch.optim.SGD(model.parameters(), lr=1, weight_decay=0.1)
    model.loss(clips, make_samples([0, 1]))['loss_cls'].backward()
    optimizer.step()
    moved = {
        name
        for name, tensor in model.state_dict().items()
        if not torch.equal(tensor, before[name])
    }
    assert moved == {'cls_head.fc_cls.weight', 'cls_head.fc_cls.bias'}


def test_every_public_tensor_finds_its_place():
    target = whole_model().state_dict()
    shapes = vit_by_key.vit_shapes(width=768, depth=12, num_classes=2)
    with torch.device('meta'):
        state = {name: torch.empty(shape) for name, shape in shapes.items()}
    converted, report = convert(state, RULES, target)
    assert set(converted) == set(target)
    assert (report.unexpected, report.mismatched, report.missing) == ({}, {}, ())


def load_from(tmp_path, state, **settings):
    torch.save(state, tmp_path / 'public.pth')
    backbone = build_small(pretrained=str(tmp_path / 'public.pth'), **settings)
    backbone.init_weights()
    return backbone.train(False)


@pytest.mark.parametrize('key', ['module', 'model'])
def test_features_equal_the_public_ones_on_the_same_weights(tmp_path, key):
    state = draw(vit_by_key.vit_shapes(**SMALL))
    backbone = load_from(tmp_path, {key: state, 'epoch': 1})
    clips = torch.randn(2, 3, 4, 32, 32)
    with torch.no_grad():
        found = backbone(clips)
    for clip, features in zip(clips, found, strict=True):
        expected = vit_by_key.features(state, clip, depth=2, heads=3)
        torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5)


def test_a_self_supervised_checkpoint_fills_all_but_the_last_norm(tmp_path, log_lines):
    shapes = vit_by_key.pretraining_shapes(**SMALL)
    state = draw(shapes)
    backbone = load_from(tmp_path, {'model': state})
    loaded = backbone.state_dict()
    name = 'blocks.1.mlp.fc2.bias'
    assert torch.equal(loaded['blocks.1.mlp.layers.1.bias'], state[f'encoder.{name}'])
    assert torch.equal(loaded['fc_norm.weight'], torch.ones(24))
    assert any(
        'VideoMAEVisionTransformer: initial weights from' in x for x in log_lines
    )


def test_the_checkpoint_of_mmaction2_loads_with_its_table(tmp_path):
    theirs = build_small().state_dict()
    state = {f'backbone.{k}': torch.randn_like(v) for k, v in theirs.items()}
    state['backbone.pos_embed'] = theirs['pos_embed']
    state['cls_head.fc_cls.weight'] = torch.zeros(400, 24)
    backbone = load_from(tmp_path, {'state_dict': state})
    for name, tensor in backbone.state_dict().items():
        assert torch.equal(tensor, state[f'backbone.{name}']), name


def test_a_checkpoint_for_clips_of_another_length_is_refused(tmp_path):
    """Its table of positions is not this one's; half of it would fit no clip."""
    theirs = build_small().state_dict()
    state = {f'backbone.{k}': v for k, v in theirs.items()}
    state['backbone.pos_embed'] = torch.zeros(1, 16, 24)
    with pytest.raises(ConfigError, match=r"'backbone\.pos_embed'"):
        load_from(tmp_path, {'state_dict': state})


@pytest.mark.parametrize('num_frames', [2, 5, 8])
def test_clips_of_another_length_are_refused(num_frames):
    """The parent would fail on broadcasting, or drop the odd frame in silence."""
    message = rf'clips of {num_frames} frames, but num_frames = 4'
    with pytest.raises(ConfigError, match=message):
        build_small()(torch.randn(1, 3, num_frames, 32, 32))


def test_frames_that_do_not_split_into_patches_are_refused():
    with pytest.raises(ConfigError, match='frames of 40 x 32 pixels: need multiples'):
        build_small()(torch.randn(1, 3, 4, 40, 32))


def test_a_frozen_backbone_of_random_weights_is_told(log_lines):
    build_small(frozen=True).init_weights()
    assert any('frozen at random weights' in line for line in log_lines)


def test_logits_of_a_videos_clips_are_averaged():
    model = build_from_config(MINIFF).train(False)
    clips = torch.randn(1, 2, 3, 16, 64, 64)
    with torch.no_grad():
        alone = torch.cat(
            [model.extract_feat(clips[:, i : i + 1], stage='head')[0] for i in range(2)]
        )
        (sample,) = model.predict(clips, make_samples([0]))
    expected = alone.mean(dim=0).softmax(dim=0)
    torch.testing.assert_close(sample.pred_score, expected)
    torch.testing.assert_close(sample.snippet_scores, alone.softmax(dim=1)[:, 1])


def test_early_layers_learn_slower_in_the_published_recipe():
    cfg = Config.fromfile(CONFIGS / PUBLISHED)
    slim = load_model_config(PUBLISHED, embed_dims=24, num_heads=3)
    groups = build_optim_wrapper(MODELS.build(slim), cfg.optim_wrapper)
    rate_of = {
        name: (group['lr'], group['weight_decay'])
        for group in groups.optimizer.param_groups
        for name in group['param_names']
    }
    base = 5e-4 * 8 / 256
    assert rate_of['cls_head.fc_cls.weight'] == pytest.approx((base, 0.05))
    last, first = (f'backbone.blocks.{i}.attn.qkv.weight' for i in (11, 0))
    assert rate_of[last] == pytest.approx((base * 0.75, 0.05))
    assert rate_of[first] == pytest.approx((base * 0.75**12, 0.05))
    embedding = 'backbone.patch_embed.projection.bias'
    assert rate_of[embedding] == pytest.approx((base * 0.75**13, 0))
