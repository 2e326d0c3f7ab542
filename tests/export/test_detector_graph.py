"""Graphs of models other than RATF, and their numbers of snippets."""

from types import SimpleNamespace

import pytest
import torch
from export_builders import ONE_STAGE, RATF, SMALL_FRAMES, TWO_SNIPPETS, make_checkpoint
from mmaction.models.common import TAM
from tool_runs import ROOT

from mmdeepfake.engine.build import load_config
from mmdeepfake.errors import ConfigError
from mmdeepfake.export import export, export_detector, frame_layout
from mmdeepfake.export.adaptive_kernels import filter_adaptively, without_free_groups
from mmdeepfake.export.detector_graph import DetectorGraph, find_snippet_step
from mmdeepfake.export.frame_layout import read_frame_layout, read_normalisation
from mmdeepfake.export.metadata import SUFFIXES
from mmdeepfake.registry import MODELS


def test_model_that_groups_snippets_takes_multiples_of_a_group():
    options = {'model.backbone.base_channels': 16, 'model.cls_head.in_channels': 128}
    cfg = load_config(
        ROOT / 'configs/miniff/dsanet_r18_miniff.py', {**SMALL_FRAMES, **options}
    )
    mean, std = read_normalisation(cfg)
    graph = DetectorGraph(
        MODELS.build(cfg.model), read_frame_layout(cfg), mean=mean, std=std
    )
    assert find_snippet_step(graph.train(False)) == 4


ONE_3D_STAGE = {
    'model.backbone.num_stages': 1,
    'model.backbone.spatial_strides': (1,),
    'model.backbone.temporal_strides': (1,),
    'model.backbone.dilations': (1,),
    'model.backbone.out_indices': (0,),
    'model.backbone.inflate': ((1, 1),),
    'model.backbone.base_channels': 16,
    'model.cls_head.in_channels': 16,
}
# Config, options, and the numbers of snippets that are allowed: multiples of this.
OTHERS = {
    'frames': (
        'baselines/resnet_ffpp_lq.py',
        {**ONE_STAGE, **TWO_SNIPPETS, 'model.backbone.depth': 18},
        1,
    ),
    '3d': ('miniff/i3d_r18_miniff.py', {**TWO_SNIPPETS, **ONE_3D_STAGE}, 1),
    'lstm': ('miniff/cnn_lstm_r18_miniff.py', ONE_STAGE, 4),
    'adaptive kernels': (
        'miniff/tam_r18_miniff.py',
        {**ONE_STAGE, 'model.backbone.temporal_stages': (True,)},
        8,
    ),
}


@pytest.mark.parametrize('name', OTHERS)
def test_other_kinds_of_models_give_their_own_numbers(tmp_path, name):
    config, options, step = OTHERS[name]
    options = {**options, **SMALL_FRAMES}
    config, checkpoint = make_checkpoint(tmp_path, config, options)
    out = tmp_path / 'detector.torchscript'
    report = export_detector(
        config,
        str(checkpoint),
        out,
        file_format='torchscript',
        opset=18,
        cfg_options=options,
    )
    assert report.passed
    assert not report.metadata.is_calibrated
    assert report.metadata.threshold == 0.5
    assert report.metadata.snippet_step == step
    assert ('snippet_scores' in report.metadata.outputs) == (name != 'lstm')


def test_config_that_does_not_normalise_is_refused():
    cfg = load_config(ROOT / 'configs' / RATF[0])
    cfg.model.data_preprocessor.mean = None
    with pytest.raises(ConfigError, match='no mean or no std'):
        read_normalisation(cfg)
    cfg.model.data_preprocessor.update(mean=[0], std=[1], to_rgb=True)
    with pytest.raises(ConfigError, match=r'to_rgb = True: .* remove it'):
        read_normalisation(cfg)


@pytest.mark.slow
@pytest.mark.parametrize('file_format', ['onnx', 'torch_export'])
@pytest.mark.parametrize(
    'name', 'ratf_r18 i3d_r18 v4d_r18 resnet_r18 tei_r18 stil_small csa_r18'.split()
)
def test_whole_models_give_their_own_numbers(tmp_path, name, file_format):
    config, checkpoint = make_checkpoint(tmp_path, f'miniff/{name}_miniff.py', {})
    out = tmp_path / f'detector{SUFFIXES[file_format]}'
    assert export_detector(
        config, str(checkpoint), out, file_format=file_format, opset=18
    ).passed


@torch.no_grad()
def test_adaptive_kernels_by_sums_equal_the_group_convolution():
    torch.manual_seed(0)
    module = TAM(8, num_segments=4).train(False)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(12, 8, 5, 3)
    expected = module(x)
    with without_free_groups(torch.nn.Sequential(module)):
        torch.testing.assert_close(module(x), expected)
        assert module.forward.__func__ is filter_adaptively
    assert 'forward' not in vars(module)


def test_config_that_packs_no_frames_is_refused(monkeypatch):
    cfg = load_config(ROOT / 'configs' / RATF[0])
    monkeypatch.setattr(frame_layout, 'find_input_shape', lambda *_, **__: (8, 3, 5, 5))
    with pytest.raises(ConfigError, match=r'as \(8, 3, 5, 5\)'):
        read_frame_layout(cfg)


@pytest.mark.parametrize(
    ('file_format', 'step'),
    [('onnx', None), ('torch_export', None), ('torchscript', 8)],
)
def test_groups_of_single_frames_are_fixed_in_symbolic_traces(
    monkeypatch, file_format, step
):
    monkeypatch.setattr(export, 'find_snippet_step', lambda graph: 8)
    graph = SimpleNamespace(layout=SimpleNamespace(clip_len=1))
    assert export.choose_snippet_step(graph, file_format) == step
