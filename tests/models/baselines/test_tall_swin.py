import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from oracles import swin_by_key
from oracles.by_key import draw
from recognizer_checks import (
    CONFIGS,
    build_from_config,
    build_on_meta,
    load_model_config,
    make_samples,
)

from mmdeepfake.engine.config_checks import find_transforms
from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines import TALLSwin
from mmdeepfake.models.conversion import convert
from mmdeepfake.models.conversion.tall import RULES, make_rules, resize_position_table
from mmdeepfake.registry import MODELS

FFPP = 'baselines/tall_swin_ffpp_lq.py'
PUBLISHED = 'published/tall_swin_ffpp_lq.py'
MINIFF = 'miniff/tall_swin_small_miniff.py'

SMALL = dict(depths=(2, 1, 2), windows=(8, 4, 4), heads=(2, 1, 4))
SWIN_B = dict(depths=(2, 2, 18, 2), windows=(14, 14, 14, 7), heads=(4, 8, 16, 32))


def build_small(**settings):
    return TALLSwin(
        side_px=64,
        embed_dims=8,
        depths=SMALL['depths'],
        num_heads=SMALL['heads'],
        window_sizes=SMALL['windows'],
        **settings,
    )


def test_windows_are_shifted_where_they_do_not_hold_all_tokens():
    shifts = [
        [block.shift_size for block in layer.blocks]
        for layer in build_on_meta(FFPP).backbone.layers
    ]
    assert shifts[0] == shifts[1] == [(0, 0, 0), (0, 7, 7)]
    masks = [layer.mask for layer in TALLSwin(depths=(1,) * 4).layers]
    assert [mask.shape[0] for mask in masks] == [16, 4, 1, 1]
    assert masks[0].min() == -100


def test_features_equal_the_public_ones_on_the_same_weights():
    state = draw(swin_by_key.tall_shapes(embed=8, **SMALL), dtype=torch.float64)
    backbone = build_small().double().train(False)
    target = {f'backbone.{k}': v for k, v in backbone.state_dict().items()}
    converted, report = convert(state, make_rules(SMALL['windows']), target)
    assert (report.missing, report.mismatched) == ((), {})
    assert set(report.unexpected) == {'head.weight', 'head.bias'}
    backbone.load_state_dict(
        {name.removeprefix('backbone.'): value for name, value in converted.items()}
    )
    pictures = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        found = backbone(pictures)
    for picture, features in zip(pictures, found, strict=True):
        expected = swin_by_key.features(state, picture, **SMALL)
        torch.testing.assert_close(features.permute(1, 2, 0), expected)


def test_every_public_tensor_finds_its_place():
    shapes = swin_by_key.tall_shapes(embed=128, **SWIN_B)
    buffers = swin_by_key.public_buffers(
        depths=SWIN_B['depths'], windows=SWIN_B['windows'], sides=(56, 28, 14, 7)
    )
    with torch.device('meta'):
        target = MODELS.build(load_model_config(FFPP)).state_dict()
        state = {n: torch.empty(shape) for n, shape in (shapes | buffers).items()}
    converted, report = convert(state, RULES, target)
    assert set(converted) == set(target)
    assert (report.unexpected, report.mismatched, report.missing) == ({}, {}, ())
    assert set(report.dropped) == set(buffers)


def test_it_starts_from_swin_with_other_windows(tmp_path, log_lines):
    """The public file's windows are 7 x 7 and it knows no frames; 21,841 classes."""
    small = SMALL | dict(windows=(4, 4, 2))
    shapes = swin_by_key.tall_shapes(embed=8, num_classes=21_841, **small)
    del shapes['frame_pos_embed']
    shapes |= swin_by_key.public_buffers(
        depths=small['depths'], windows=small['windows'], sides=(16, 8, 4)
    )
    state = draw(shapes)
    torch.save({'model': state}, tmp_path / 'swin.pth')
    backbone = build_small(pretrained=str(tmp_path / 'swin.pth'))
    backbone.init_weights()
    loaded = backbone.state_dict()
    for name in ('layers.2.blocks.1.attn.qkv.weight', 'patch_embed.norm.bias'):
        assert torch.equal(loaded[name], state[name])
    table = 'layers.1.blocks.0.attn.relative_position_bias_table'
    assert torch.equal(loaded[table], state[table])
    table = 'layers.0.blocks.1.attn.relative_position_bias_table'
    expected = resize_position_table(state[table], window_size=8)
    assert torch.equal(loaded[table], expected)
    index = 'layers.0.blocks.0.attn.relative_position_index'
    assert torch.equal(loaded[index], build_small().state_dict()[index])
    assert 0 < loaded['frame_position'].abs().max() < 0.1
    assert f'TALLSwin: initial weights from {tmp_path / "swin.pth"}' in log_lines


def test_a_table_of_positions_is_stretched_bilinearly():
    table = torch.randn(9, 2)  # windows of 2 x 2
    found = resize_position_table(table, window_size=3).unflatten(0, (5, 5))
    old = table.unflatten(0, (3, 3))
    for row in range(5):
        for column in range(5):
            # Centres of pixels coincide; nothing lies beyond the outermost.
            y, x = (min(max((n + 0.5) * 3 / 5 - 0.5, 0), 2) for n in (row, column))
            expected = torch.zeros(2)
            for j in range(3):
                for i in range(3):
                    share = max(1 - abs(y - j), 0) * max(1 - abs(x - i), 0)
                    expected += share * old[j, i]
            torch.testing.assert_close(found[row, column], expected)
    assert resize_position_table(table, window_size=2) is table


def test_each_frame_has_its_own_place_in_time():
    backbone = TALLSwin(depths=(1,) * 4, layout=(2, 2))
    backbone.frame_position.data = torch.arange(4.0).view(1, 4, 1).repeat(1, 1, 128)
    place = backbone.place_in_time(56)
    assert place.shape == (56, 56, 128)
    expected = torch.tensor([[0.0, 1.0], [2.0, 3.0]]).kron(torch.ones(28, 28))
    assert torch.equal(place[:, :, 0], expected)


def test_equal_frames_without_places_are_equal_tokens():
    backbone = build_small()
    backbone.init_weights()
    frame = torch.randn(1, 3, 32, 32)
    picture = frame.repeat(1, 1, 2, 2)
    backbone.frame_position.data.zero_()
    tokens = backbone.patch_embed(picture) + backbone.place_in_time(16)
    quarters = tokens[0].unflatten(1, (2, 8)).unflatten(0, (2, 8)).transpose(1, 2)
    for row in quarters:
        for quarter in row:
            assert torch.equal(quarter, quarters[0, 0])


def test_logits_of_pictures_are_averaged():
    model = build_from_config(MINIFF).train(False)
    pictures = torch.randn(2, 3, 3, 64, 64)
    with torch.no_grad():
        alone = torch.stack(
            [model.extract_feat(pictures[:, i : i + 1], 'head')[0] for i in range(3)]
        )
        scores = [s.pred_score for s in model.predict(pictures, make_samples([0, 1]))]
    torch.testing.assert_close(torch.stack(scores), alone.mean(dim=0).softmax(dim=1))


def test_labels_are_smoothed_in_the_published_recipe():
    cfg = load_model_config(PUBLISHED)
    head = MODELS.build(cfg.cls_head | dict(in_channels=4))
    logits = torch.tensor([[0.3, -0.2], [1.5, 0.5]])
    loss = head.loss_by_feat(logits, make_samples([1, 0]))['loss_cls']
    logs = logits.log_softmax(dim=1)
    expected = -(0.95 * (logs[0, 1] + logs[1, 0]) + 0.05 * (logs[0, 0] + logs[1, 1]))
    torch.testing.assert_close(loss, expected / 2)


def test_places_in_time_do_not_decay_in_the_published_recipe():
    cfg = Config.fromfile(CONFIGS / PUBLISHED)
    model = build_on_meta(PUBLISHED)
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper).optimizer
    decays = {
        name: group['weight_decay']
        for group in optimizer.param_groups
        for name, parameter in model.named_parameters()
        if any(parameter is one for one in group['params'])
    }
    assert decays['backbone.frame_position'] == 0
    assert (
        decays['backbone.norm.weight'] == decays['backbone.patch_embed.proj.bias'] == 0
    )
    assert decays['backbone.layers.0.blocks.0.attn.qkv.weight'] == 1e-5


def test_squares_are_cut_out_in_published_training_alone():
    for name, expected in ((FFPP, []), (MINIFF, []), (PUBLISHED, ['train_dataloader'])):
        found = find_transforms(Config.fromfile(CONFIGS / name), 'CutOutSquare')
        assert [path.split('.')[0] for path, _ in found] == expected


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(side_px=112), r'stage 3 has patches of 16 pixels in windows of 14 x 14'),
        (dict(window_sizes=(14, 14, 14, 14)), r'so need a multiple of 448'),
        (dict(layout=(3, 2)), r'224 pixels do not divide into 3 frames'),
    ],
)
def test_sizes_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        TALLSwin(depths=(1,) * 4, **settings)


def test_pictures_of_another_size_are_refused():
    with pytest.raises(ConfigError, match=r'got images of 32 x 64 pixels'):
        build_small()(torch.randn(1, 3, 32, 64))
