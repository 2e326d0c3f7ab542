"""Ablations: each config changes what its name says, and only the model."""

import pytest
import torch
from config_reading import CONFIGS, list_configs, read_config

from mmdeepfake.registry import MODELS

ROWS = list_configs('ablations/*.py')

RESNET_50 = 23_508_032 + 2 * 2048 + 2
CSA = 2 * 2048 * 256
RATF, RATF_OF_STAGE = 6_034_608, (61_665, 319_788, 1_892_802, 3_760_353)
# One more basis is one more filter of the 1x1 over T * c channels, and the scale and
# shift of its norm, in each of the 16 blocks; c is half of 64, 128, 256 and 512.
ONE_BASIS = 4 * (3 * 32 + 4 * 64 + 6 * 128 + 3 * 256) + 2 * 16


def build(name, *, device='meta', **changes):
    cfg = read_config(name).model
    cfg.backbone.pretrained = None  # no network in tests
    cfg.update(changes)
    with torch.device(device):
        return MODELS.build(cfg)


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('resnet_r50_ffpp_lq', RESNET_50),
        ('t_conv_r50_ffpp_lq', RESNET_50 + 5_664),
        ('ratf_no_csa_r50_ffpp_lq', RESNET_50 + RATF),
        ('csa_r50_ffpp_lq', RESNET_50 + CSA),
        ('ratf_star_csa_r50_ffpp_lq', RESNET_50 + 61_616 + CSA),
        *(
            (f'ratf_basis{r}_r50_ffpp_lq', RESNET_50 + RATF + (r - 8) * ONE_BASIS + CSA)
            for r in (2, 4, 16)
        ),
        *(
            (f'ratf_stage{i}_r50_ffpp_lq', RESNET_50 + added + CSA)
            for i, added in enumerate(RATF_OF_STAGE, start=1)
        ),
    ],
)
def test_row_has_the_parameters_of_what_it_keeps(name, expected):
    model = build(f'ablations/{name}.py')
    assert sum(p.numel() for p in model.parameters()) == expected


@pytest.mark.parametrize('name', ROWS)
def test_row_differs_from_the_full_model_in_the_model_alone(name):
    is_ffpp = name.endswith('_ffpp_lq.py')
    full = 'ratf_r50_ffpp_lq.py' if is_ffpp else 'miniff/ratf_r18_miniff.py'
    row, expected = read_config(name).to_dict(), read_config(full).to_dict()
    assert row.pop('model') != expected.pop('model')
    assert row == expected


def test_every_row_of_table_4_has_a_config():
    parts = ['resnet', 't_conv', 'ratf_no_csa', 'csa', 'ratf_star_csa']
    numbers = [f'ratf_basis{r}' for r in (2, 4, 16)]  # 8 is the full model
    numbers += [f'ratf_stage{i}' for i in (1, 2, 3, 4)]
    expected = {f'ablations/{row}_r50_ffpp_lq.py' for row in (*parts, *numbers)}
    expected |= {
        f'ablations/{row}_r18_miniff.py' for row in (*numbers, 'ratf_raw_logits')
    }
    assert expected == set(ROWS)
    for row in parts:
        assert (CONFIGS / f'miniff/{row}_r18_miniff.py').is_file()


@pytest.mark.parametrize('num_basis', [2, 4, 16])
def test_row_with_another_number_of_bases_has_as_many(num_basis):
    model = build(f'ablations/ratf_basis{num_basis}_r18_miniff.py')
    modules = model.backbone.temporal_modules().values()
    assert {module.num_basis for module in modules} == {num_basis}


@pytest.mark.parametrize('stage', [1, 2, 3, 4])
def test_row_of_one_stage_has_modules_in_no_other(stage):
    backbone = build(f'ablations/ratf_stage{stage}_r18_miniff.py').backbone
    names = backbone.temporal_modules()
    assert {name.split('.')[0] for name in names} == {f'layer{stage}'}


def test_csa_alone_sees_all_snippets_over_a_net_without_time():
    """Frames' features do not change with the order of frames; the gates do."""
    model = build('miniff/csa_r18_miniff.py', device='cpu')
    model.init_weights()
    model.train(False)
    clips = torch.randn(1, 8, 3, 32, 32)
    features = model.extract_feat(clips, stage='backbone')[0]
    backwards = model.extract_feat(clips.flip(1), stage='backbone')[0]
    torch.testing.assert_close(backwards, features.flip(0))
    other = clips.clone()
    other[:, 4:] = 0
    maps = [
        model.neck.forward_snippets(
            model._unfold_videos(model.extract_feat(x, stage='backbone')[0], 8)
        ).maps[:, 0]
        for x in (clips, other)
    ]
    # The first snippet is the same in both; the second one changed its gate.
    assert not torch.allclose(maps[0], maps[1], rtol=1e-4)


@pytest.mark.parametrize('name', ['t_conv', 'ratf_no_csa', 'ratf_star_csa'])
def test_before_training_all_rows_without_csa_agree(name):
    """Identity starts on the same weights and the same head give the same scores."""
    clips = torch.randn(1, 8, 3, 32, 32)
    logits, states = [], None
    for row in ('resnet', name):
        cfg = read_config(f'miniff/{row}_r18_miniff.py').model
        changes = dict(neck=None)
        if 'ratf_cfg' in cfg.backbone:
            identity = {**cfg.backbone.ratf_cfg, 'init': 'identity'}
            changes['backbone'] = {**cfg.backbone, 'ratf_cfg': identity}
        elif 't_conv_cfg' in cfg.backbone:
            changes['backbone'] = {**cfg.backbone, 't_conv_cfg': dict(init='identity')}
        model = build(f'miniff/{row}_r18_miniff.py', device='cpu', **changes)
        model.init_weights()
        model.train(False)
        states = states or model.state_dict()
        missing, unexpected = model.load_state_dict(states, strict=False)
        assert not unexpected
        assert all('.temporal.' in key for key in missing)
        logits.append(model.extract_feat(clips, stage='head')[0])
    torch.testing.assert_close(logits[1], logits[0], rtol=1e-4, atol=1e-6)
