import math

import pytest
import torch
from mmengine.config import Config
from tool_runs import ROOT, run_tool_here

from mmdeepfake.commands.complexity import (
    count_products,
    describe_shape,
    find_input_shape,
    measure_complexity,
)
from mmdeepfake.errors import ConfigError
from mmdeepfake.models.backbones import RATF

BASELINES = ROOT / 'configs/baselines'


def read(path):
    return Config.fromfile(ROOT / 'configs' / path)


# GMAC of the training frames: known of each method.
KNOWN_GMACS = {
    'resnet': 4.09,
    'xception': 4.55,
    'cnn_lstm': 65.48,  # 65.40 of ResNet-50, 0.08 of the LSTM
    'i3d_r50': 56.8,
    'tei': 32.9,
    'tam': 32.75,
    'dsanet': 83.5,
    'v4d': 142.7,
    'stil': 37.5,
    'altfreezing': 56.8,
    'tall_swin': 65.26,  # 16.3 a picture
    'video_mae': 180.3,
}


def rows_of_the_readme():
    text = (BASELINES / 'README.md').read_text(encoding='utf-8')
    for line in text.splitlines():
        if line.startswith('| `'):
            name, _, _, frames, parameters, gmacs, _ = line.strip('| ').split(' | ')
            yield name.strip('`'), frames, parameters, gmacs


def count_shown(name, shape):
    """Count the frames of a video as the README does."""
    # Third stands time, of clips as of maps, whose columns are no pixels.
    count = shape[0] * (shape[2] if len(shape) == 5 or shape[3] == 25 else 1)
    if name.startswith('tall_'):  # four frames a picture
        count *= 4
    return 71 * count if name.startswith('co_motion_') else count  # 70 pairs


@pytest.mark.parametrize('row', list(rows_of_the_readme()), ids=lambda row: row[0])
def test_readme_of_the_baselines_has_the_measured_figures(row):
    name, frames, parameters, gmacs = row
    cfg = Config.fromfile(BASELINES / name)
    train = measure_complexity(cfg, split='train')
    known = KNOWN_GMACS.get(name.removesuffix('_ffpp_lq.py'), train.gmacs)
    assert train.gmacs == pytest.approx(known, abs=0.05)
    assert parameters == f'{train.num_parameters:,}'
    shapes = [find_input_shape(cfg, split=split) for split in ('train', 'test')]
    shown = [count_shown(name, shape) for shape in shapes]
    assert [math.prod(map(int, n.split(' x '))) for n in frames.split(' / ')] == shown
    # A network costs the same a frame, but for what RATF composes once a forward pass:
    # see below, with as many blocks of as many channels.
    times, composing = shown[1] / shown[0], 0.0
    if 'ratf' in name:
        squares = 3 * 32**2 + 4 * 64**2 + 6 * 128**2 + 3 * 256**2
        composing = 8 * 4 * squares * (9 + 1 + 9) / 1e9
    tested = train.gmacs * times - composing * (times - 1)
    assert gmacs == f'{train.gmacs:.2f} / {tested:.2f}'


@pytest.mark.parametrize(
    ('name', 'parameters', 'gmacs'),
    [('ftcn', 14_766_914, 66.6), ('altfreezing', 27_227_970, 113.6)],
)
def test_published_clips_of_32_frames_cost_what_is_known(name, parameters, gmacs):
    found = measure_complexity(read(f'published/{name}_ffpp_lq.py'), split='train')
    assert found.num_parameters == parameters
    assert found.gmacs == pytest.approx(gmacs, abs=0.05)


def test_snippets_laid_out_as_pictures_are_counted_as_pictures():
    cfg = read('miniff/tall_swin_small_miniff.py')
    assert find_input_shape(cfg, split='test') == (8, 3, 64, 64)
    assert find_input_shape(cfg, split='train', side_px=32) == (2, 3, 32, 32)


def test_readme_of_the_baselines_names_all_of_them():
    named = {name for name, *_ in rows_of_the_readme()}
    assert {path.name for path in BASELINES.glob('*.py')} <= named


def test_products_of_a_small_model_are_those_counted_by_hand():
    found = measure_complexity(read('miniff/resnet_r18_miniff.py'), split='test')
    products, previous = 32**2 * 64 * 3 * 7 * 7, 64  # the stem, at half of 64 px
    for width, rows in zip((64, 128, 256, 512), (16, 8, 4, 2), strict=True):
        products += rows**2 * width * 9 * (previous + 3 * width)
        if width != previous:
            products += rows**2 * width * previous  # the 1x1 of the shortcut
        previous = width
    # 32 frames, whose pooled features are averaged before the classifier.
    assert round(found.gmacs * 1e9) == 32 * products + 512 * 2


def test_products_of_a_ratf_are_those_counted_by_hand():
    ratf = RATF(8, clip_len=4, num_basis=3, kernel_size=3)
    c, t, r, k, positions = 4, 4, 3, 3, 5 * 6  # half of the channels are filtered
    by_snippet = (
        positions * r * t * c * 9  # the composed convolution
        + c * r * (t * 2 * t + 2 * t * k)  # two FC layers
        + positions * c * k * r  # mixing the bases
    )
    composing = r * t * c * c * (9 + 1 + 9)  # once a forward
    for num_snippets in (1, 5):
        with count_products(ratf) as counter:
            ratf(torch.empty(num_snippets * t, 8, 5, 6))
        expected = num_snippets * by_snippet + composing
        assert counter.get_total_flops() == 2 * expected
    assert ratf.fused is True


def test_lstm_is_counted_whatever_kernel_would_run_it():
    found = measure_complexity(read('miniff/cnn_lstm_r18_miniff.py'), split='train')
    cfg = read('miniff/cnn_lstm_r18_miniff.py')
    cfg.model = read('miniff/resnet_r18_miniff.py').model
    without = measure_complexity(cfg, split='train')
    gates = 16 * 4 * 512 * (512 + 512)  # 16 frames, four gates, 512 in and 512 hidden
    difference = (found.gmacs - without.gmacs) * 1e9
    assert difference == pytest.approx(gates, rel=1e-3)


def test_counting_leaves_the_switches_of_torch_as_they_were():
    before = torch.backends.mkldnn.enabled, torch.is_grad_enabled()
    measure_complexity(read('miniff/resnet_r18_miniff.py'))
    assert (torch.backends.mkldnn.enabled, torch.is_grad_enabled()) == before


@pytest.mark.parametrize(
    ('path', 'split', 'shape', 'words'),
    [
        ('ratf_r50_ffpp_lq.py', 'train', (16, 3, 224, 224), '16 frames of 224 x 224'),
        ('ratf_r50_ffpp_lq.py', 'test', (32, 3, 224, 224), '32 frames of 224 x 224'),
        (
            'baselines/v4d_ffpp_lq.py',
            'test',
            (8, 3, 4, 224, 224),
            '8 x 4 frames of 224 x 224',
        ),
    ],
)
def test_input_is_that_of_the_pipeline(path, split, shape, words):
    assert find_input_shape(read(path), split=split) == shape
    assert find_input_shape(read(path), split=split, side_px=32)[-2:] == (32, 32)
    assert describe_shape(shape) == words


def test_pipeline_without_a_size_is_refused():
    cfg = read('ratf_r50_ffpp_lq.py')
    pipeline = cfg.test_dataloader.dataset.pipeline
    pipeline[:] = [node for node in pipeline if node.type != 'Resize']
    with pytest.raises(ConfigError, match='test_dataloader has no Resize: the shape'):
        measure_complexity(cfg)


def test_tool_prints_a_row_for_each_config(capsys):
    configs = [ROOT / f'configs/miniff/{n}_r18_miniff.py' for n in ('resnet', 'tam')]
    words = [*configs, '--split', 'train']
    assert run_tool_here(ROOT / 'tools/complexity.py', *words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == '| config | parameters | GMAC | input of one video |'
    assert lines[2].endswith('| 11,177,538 | 1.18 | 8 frames of 64 x 64 |')
    assert len(lines) == 4
