"""Small runs of every tool that writes: their inputs, and their command lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from builders import make_clip, make_ffpp_tree, make_video
from export_builders import RATF, make_checkpoint
from figure_builders import (
    METHODS,
    WITHOUT_CSA,
    make_masked_tree,
    options_of,
    save_small_checkpoint,
)
from inference_builders import save_tool_model
from mmengine.registry import DefaultScope
from preparation_builders import make_tree, write_boxes
from run_builders import make_predictions, make_run, test_keys, write_figures
from tool_runs import CONFIG, ROOT

from mmdeepfake.commands.robustness import Point, format_csv
from mmdeepfake.engine.build import load_config
from mmdeepfake.evaluation import write_predictions
from mmdeepfake.prepare.deepfakebench import export_bench
from mmdeepfake.registry import MODELS
from mmdeepfake.structures import FaceTrack, VideoKey, VideoRecord
from mmdeepfake.structures.manifest import ManifestWriter

SMALL_CONFIG = ROOT / 'configs/miniff/resnet_r18_miniff.py'
SMALL_SET = [
    'test_dataloader.num_workers=0',
    'val_dataloader.num_workers=0',
    'test_dataloader.dataset.pipeline.4.scale=(32, 32)',
    'test_dataloader.dataset.pipeline.1.num_snippets=1',
]


@dataclass(frozen=True)
class Scenario:
    """One command.

    Attributes:
        tool: its file name.
        make: makes the inputs in a folder, and what is in `out` before, and gives the
            words; the command runs in that folder and writes `out` alone.
        fills: whether old files may lie where it writes.
    """

    tool: str
    make: Callable[[Path], list]
    fills: bool = True


def _train(folder: Path) -> list:
    return [CONFIG, '--work-dir', 'out', '--cfg-options', 'train_cfg.max_epochs=1']


def _test(folder: Path) -> list:
    weights = _stub_weights(folder)
    return [CONFIG, weights, '--work-dir', 'out', '--dump', 'out/all.pkl']


def _stub_weights(folder: Path) -> str:
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(load_config(CONFIG).model)
    torch.save({'state_dict': model.state_dict()}, folder / 'weights.pth')
    return 'weights.pth'


def _prepare(folder: Path) -> list:
    make_tree(folder / 'raw', names='a', num_frames=8)
    box = np.tile([20.0, 20, 70, 80], (8, 1))
    names = ('train/a_train_real', 'train/a_train_fake')
    write_boxes(folder / 'boxes.pkl', dict.fromkeys(names, box))
    words = ['folder', 'raw', '--out', 'out', '--boxes', 'boxes.pkl', '--workers', 0]
    return [*words, '--min-face-px', 16, '--quiet']


def _infer(folder: Path) -> list:
    words = ['videos', '--checkpoint', save_tool_model(folder / 'model')]
    make_video(folder / 'videos/good.mp4', num_frames=12)
    return [*words, '--out', 'out', '--no-isolation']


def _export(file_format: str, suffix: str) -> Callable[[Path], list]:
    def make(folder: Path) -> list:
        config, checkpoint = make_checkpoint(folder, *RATF)
        options = [f'{key}={value}'.replace(' ', '') for key, value in RATF[1].items()]
        words = [config, checkpoint, '--format', file_format]
        return [*words, '--out', f'out/d{suffix}', '--cfg-options', *options]

    return make


def _figure(*words: object) -> Callable[[Path], list]:
    def make(folder: Path) -> list:
        root = make_masked_tree(folder / 'ffpp')
        options = options_of(WITHOUT_CSA, root)
        with DefaultScope.overwrite_default_scope('mmaction'):
            model = save_small_checkpoint(folder / 'w.pth', WITHOUT_CSA, root)
        pairs = [f'{key}={value}'.replace(' ', '') for key, value in options.items()]
        given = [model if word == 'MODEL' else [word] for word in words]
        named = [one for part in given for one in part]
        return [*named, '--out', 'out', '--cfg-options', *pairs]

    return make


def _speed(folder: Path) -> list:
    small = [
        'train_dataloader.dataset.pipeline.1.num_snippets=1',
        'train_dataloader.dataset.pipeline.4.scale=(32, 32)',
    ]
    words = [SMALL_CONFIG, '--splits', 'train', '--repeats', 1]
    return [*words, '--out', 'out', '--cfg-options', *small]


def _scored(*words: object, before: tuple = ()) -> Callable[[Path], list]:
    """A tool that scores a set with a config's model."""

    def make(folder: Path) -> list:
        make_ffpp_tree(folder / 'ffpp')
        torch.manual_seed(0)
        with DefaultScope.overwrite_default_scope('mmaction'):
            model = MODELS.build(load_config(SMALL_CONFIG).model)
        torch.save({'state_dict': model.state_dict()}, folder / 'w.pth')
        given = [*before, SMALL_CONFIG, 'w.pth', *words]
        options = ['--cfg-options', 'data_root=ffpp', *SMALL_SET]
        return [*given, '--work-dir', 'out', *options]

    return make


def _compare(folder: Path) -> list:
    for seed in (0, 1):
        predictions = make_predictions(test_keys(), seed=seed)
        write_predictions(folder / f'{seed}.csv', predictions)
    return ['0.csv', '1.csv', '--num-resamples', 20, '--out', 'out/table.csv']


def _report(folder: Path) -> list:
    write_figures(folder / 'out', make_predictions(test_keys()))
    return ['out']


def _join(folder: Path) -> list:
    points = [
        Point('a', 'clean', 0, '', 0.9, 0.8, 0.95, 0.8),
        Point('a', 'blur', 1, '0.5', 0.8, 0.7, 0.9, 0.7),
    ]
    (folder / 'one.csv').write_text(format_csv(points))
    return ['join', 'one.csv', '--out', 'out']


def _show(folder: Path) -> list:
    make_video(folder / 'a.mp4', num_frames=12)
    return ['show', 'a.mp4', '--out', 'out/levels.png']


def _render(folder: Path) -> list:
    words = ['--out', 'out', '--workers', 1, '--quiet', '--identities', 2, 2, 2]
    words += ['--num-frames', 2, '--size-px', 32, '--methods', 'FaceSwap']
    return [*words, '--compressions', 'c40']


def _sheet(folder: Path) -> list:
    from mmdeepfake.miniff import MiniFFSettings, render_miniff

    settings = MiniFFSettings(
        num_identities=(2, 2, 2), num_frames=2, size_px=32, compressions=('c40',)
    )
    render_miniff(folder / 'set', settings, num_workers=1, progress=False)
    words = ['sheet', 'set', '--out', 'out/sheet.png', '--compression', 'c40']
    return [*words, '--num-frames', 2]


def _paper_tables(folder: Path) -> list:
    make_run(folder / 'run')
    return ['run', '--out', 'out']


def _faces(root: Path) -> Path:
    """Two prepared videos."""
    points = np.zeros((4, 81, 2), np.float32)
    with ManifestWriter(root / 'manifest.jsonl') as manifest:
        for label, method in enumerate(('real', 'FaceSwap')):
            clip = make_clip(root / f'{label}.tar', num_frames=4)
            np.savez(root / f'{label}.npz', points=points)
            FaceTrack(np.tile([4.0, 4, 60, 60], (4, 1))).save(root / f'{label}_t.npz')
            manifest.append(
                VideoRecord(
                    VideoKey('FaceForensics++', label, method, 'c40', f'00{label}'),
                    clip.name,
                    'train',
                    landmarks=f'{label}.npz',
                    track_file=f'{label}_t.npz',
                    num_frames=4,
                    fps=25.0,
                )
            )
    return root / 'manifest.jsonl'


def _bench_export(folder: Path) -> list:
    _faces(folder / 'faces')
    return ['export', 'faces/manifest.jsonl', '--out', 'out', '--num-frames', 2]


def _bench_import(folder: Path) -> list:
    report = export_bench(_faces(folder / 'faces'), folder / 'bench')
    words = ['import', *report.files, '--bench-root', folder / 'bench']
    return [*words, '--out', 'out']


def _convert(folder: Path) -> list:
    torch.save({'conv1.weight': torch.zeros(32, 3, 3, 3)}, folder / 'public.pth')
    words = ['--from', 'xception', 'public.pth', '--out', 'out/w.pth']
    return [*words, '--allow-missing', '*', '--allow-unexpected', '*']


def _benchmark(folder: Path) -> list:
    words = [CONFIG, '--work-dir', 'out', '--table-only']
    return [*words, '--cfg-options', 'train_cfg.max_epochs=1']


SCENARIOS = {
    'train': Scenario('train.py', _train, fills=False),
    'test': Scenario('test.py', _test),
    'prepare': Scenario('prepare.py', _prepare, fills=False),
    'infer': Scenario('infer.py', _infer),
    'export_torchscript': Scenario('export.py', _export('torchscript', '.torchscript')),
    'export_onnx': Scenario('export.py', _export('onnx', '.onnx')),
    'export_torch': Scenario('export.py', _export('torch_export', '.pt2')),
    'fig1': Scenario(
        'figures.py',
        _figure('fig1', WITHOUT_CSA, '--num-frames', 4, '--methods', METHODS[1]),
    ),
    'fig3': Scenario('figures.py', _figure('fig3', '--model', 'MODEL')),
    'localisation': Scenario(
        'figures.py',
        _figure('localisation', '--model', 'MODEL', '--max-videos', 1,
                '--num-resamples', 10),
    ),
    'speed': Scenario('speed.py', _speed),
    'evaluate': Scenario('evaluate.py', _scored('--num-resamples', 10)),
    'calibrate': Scenario('calibrate.py', _scored('--max-fpr', 0.5)),
    'robustness': Scenario(
        'robustness.py',
        _scored('--corruptions', 'blur', '--levels', 3, '--num-resamples', 10,
                before=('run',)),
    ),
    'robustness_join': Scenario('robustness.py', _join),
    'robustness_show': Scenario('robustness.py', _show),
    'compare': Scenario('compare.py', _compare),
    'report': Scenario('report.py', _report),
    'benchmark_table': Scenario('benchmark.py', _benchmark, fills=False),
    'paper_tables': Scenario('paper_tables.py', _paper_tables),
    'render_miniff': Scenario('render_miniff.py', _render, fills=False),
    'inspect_miniff': Scenario('inspect_miniff.py', _sheet),
    'bench_export': Scenario('deepfakebench.py', _bench_export, fills=False),
    'bench_import': Scenario('deepfakebench.py', _bench_import, fills=False),
    'convert_checkpoint': Scenario('convert_checkpoint.py', _convert),
}  # fmt: skip
