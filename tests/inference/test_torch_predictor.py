"""Fast paths of scoring with a checkpoint against the plain ones."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS

from mmdeepfake.engine import cpu_amp
from mmdeepfake.errors import ConfigError
from mmdeepfake.inference import TorchPredictor, precision
from mmdeepfake.inference.config_pipeline import Sampling
from mmdeepfake.inference.predictors import load_predictor
from mmdeepfake.visualization.evidence import compute_heat_maps

S, T = 2, 4
SAMPLING = Sampling(num_snippets=S, clip_len=T, stride_frames=1)
CPU = torch.device('cpu')


def make_model(*, num_stages=1):
    """A RATFNet with CSA; at 32 pixels, the first of its stages has the heat layer."""
    width = 64 * 2 ** (num_stages - 1)
    torch.manual_seed(0)
    backbone = dict(
        type='RATFNet',
        depth=18,
        clip_len=T,
        num_stages=num_stages,
        strides=(1, 2)[:num_stages],
        dilations=(1, 1)[:num_stages],
        out_indices=(num_stages - 1,),
        ratf_stages=(True, True)[:num_stages],
    )
    model = MODELS.build(
        dict(
            type='SnippetRecognizer',
            backbone=backbone,
            neck=dict(type='CrossSnippetAttention', in_channels=width, clip_len=T),
            cls_head=dict(
                type='TSNHead',
                num_classes=2,
                in_channels=width,
                average_clips='prob',
                init_std=0.5,
                dropout_ratio=0,
            ),
            data_preprocessor=dict(
                type='ActionDataPreprocessor', mean=[128.0] * 3, std=[64.0] * 3
            ),
        )
    )
    model.init_weights()
    return model


def make_predictor(*, num_stages=1, **options):
    return TorchPredictor(
        make_model(num_stages=num_stages), SAMPLING, CPU, {}, **options
    )


@pytest.fixture(scope='module')
def groups():
    noise = torch.Generator().manual_seed(1)
    return [
        torch.randint(0, 256, (S * T, 3, 32, 32), generator=noise).byte()
        for _ in range(2)
    ]


def scores_of(predictions):
    return [(one.fake_score, *one.snippet_scores) for one in predictions]


@pytest.mark.parametrize(
    ('heat_map', 'num_stages', 'come_along'),
    [
        ('none', 1, False),
        ('peak', 1, True),
        ('peak', 2, False),  # the second stage's maps have 4 rows: too few
        ('all', 2, True),
    ],
)
def test_heat_maps_come_with_unchanged_scores(heat_map, num_stages, come_along, groups):
    plain = make_predictor(num_stages=num_stages)
    predictor = make_predictor(num_stages=num_stages, heat_map=heat_map)
    for _ in range(2):
        found = predictor.predict(groups)
        assert scores_of(found) == scores_of(plain.predict(groups))
        assert [one.heat is not None for one in found] == [come_along] * 2
    for one, inputs in zip(found, groups, strict=True):
        if come_along:
            np.testing.assert_allclose(one.heat, plain.explain(inputs), atol=1e-5)


def test_heat_is_that_of_the_model_as_trained(groups):
    model = make_model().eval()
    frames = (groups[0].float() - 128) / 64
    expected = compute_heat_maps(model, frames)
    assert expected.layer == 'backbone.layer1'
    assert expected.raw.max() > 1e-3
    (found, _) = make_predictor(heat_map='peak').predict(groups)
    np.testing.assert_allclose(found.heat, expected.raw, atol=1e-5)


@pytest.fixture
def with_bfloat16(monkeypatch):
    """A CPU that says it has AVX512_BF16."""
    monkeypatch.setattr(
        torch.cpu, '_is_avx512_bf16_supported', lambda: True, raising=False
    )
    assert cpu_amp.computes_bfloat16(CPU)


def test_cpu_without_bfloat16_computes_in_float32(monkeypatch, groups):
    for name in ('_is_avx512_bf16_supported', '_is_amx_tile_supported'):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    predictor = make_predictor(dtype='auto')
    assert scores_of(predictor.predict(groups)) == scores_of(
        make_predictor().predict(groups)
    )
    assert predictor.describe()['dtype'] == 'float32'


def test_bfloat16_is_used_on_request_alone(with_bfloat16, groups):
    exact = make_predictor()
    assert exact.describe()['dtype'] == 'float32'
    fast, chosen = make_predictor(dtype='bfloat16'), make_predictor(dtype='auto')
    expected = scores_of(exact.predict(groups))
    found = scores_of(fast.predict(groups))
    assert found != expected
    np.testing.assert_allclose(found, expected, atol=precision.MAX_SCORE_DIFFERENCE)
    assert scores_of(chosen.predict(groups)) == found
    facts = chosen.describe()
    assert facts['dtype'] == fast.describe()['dtype'] == 'bfloat16'
    difference = np.abs(np.subtract(found[0], expected[0])).max()
    assert facts['bfloat16_check'] == {
        'max_score_difference': pytest.approx(difference, abs=1e-6),
        'allowed': precision.MAX_SCORE_DIFFERENCE,
    }


def test_bfloat16_that_changes_scores_falls_back(
    with_bfloat16, monkeypatch, caplog, groups
):
    monkeypatch.setattr(precision, 'MAX_SCORE_DIFFERENCE', 0.0)
    predictor = make_predictor(dtype='auto')
    with caplog.at_level(logging.WARNING):
        found = [scores_of(predictor.predict(groups)) for _ in range(2)]
    assert found == [scores_of(make_predictor().predict(groups))] * 2
    (record,) = caplog.records
    assert 'computing in float32' in record.getMessage()
    assert predictor.describe()['dtype'] == 'float32'


def test_scores_that_are_not_numbers_fall_back(with_bfloat16):
    chosen = precision.Precision('auto', CPU)
    scores = iter([[0.5], [float('nan')]])
    chosen.check(lambda: next(scores), torch.nn.Module())
    assert chosen.dtype == 'float32'


def test_type_that_cannot_be_had_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="dtype='float16'; allowed: 'float32'"):
        make_predictor(dtype='float16')
    path = tmp_path / 'a.onnx'
    path.touch()
    with pytest.raises(ConfigError, match=r'bfloat16.*a\.onnx'):
        load_predictor({}, path, SAMPLING, CPU, dtype='bfloat16')
