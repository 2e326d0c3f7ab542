"""Write a detector as a folder that can be handed on, for `tools/publish.py`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from math import isnan
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from safetensors.torch import save
from torch import Tensor

from mmdeepfake.engine.build import load_config
from mmdeepfake.engine.hooks.strict_checkpoint_hook import describe_model
from mmdeepfake.engine.run_record import RECORD, read_entries
from mmdeepfake.errors import DataError
from mmdeepfake.evaluation.leakage import TRAINING_VIDEOS_FILE, SeenVideos
from mmdeepfake.evaluation.operating_point import OPERATING_POINT_FILE, OperatingPoint
from mmdeepfake.evaluation.predictions import read_predictions
from mmdeepfake.evaluation.summary import Summary
from mmdeepfake.evaluation.table import format_markdown
from mmdeepfake.files.atomic_write import replace_bytes, replace_text
from mmdeepfake.files.bounded_reading import load_json
from mmdeepfake.inference.predictors import load_model
from mmdeepfake.inference.published_detector import (
    CARD,
    CONFIG,
    SETTINGS,
    WEIGHTS,
    DetectorFacts,
    hash_file,
    read_published_config,
)
from mmdeepfake.structures.training_data import (
    TEST,
    TRAINING_DATA,
    KnownFigure,
    TrainingData,
)
from mmdeepfake.version import __version__

from .report import METRICS, PREDICTIONS, read_summary

# What the Hugging Face Hub reads of a card. The licence is in words of its own.
_HUB_METADATA = """---
library_name: mmdeepfake
license: other
pipeline_tag: video-classification
tags: [deepfake-detection]
---"""
# Of one run on one machine.
_RUN_KEYS = ('work_dir', 'load_from', 'resume', 'launcher')


def run_publish(args: argparse.Namespace) -> None:
    """Publish as the command line says, and print what was written."""
    out = Path(args.out)
    facts = publish_detector(
        load_config(args.config, args.cfg_options),
        Path(args.checkpoint),
        out,
        licence=args.licence,
        name=args.name or out.resolve().name,
    )
    size = (out / WEIGHTS).stat().st_size
    print(f'{out}: {facts.name}, {size / 1e6:.1f} MB')
    print(f'trained on {TrainingData.read(facts.training_data)}')
    if not (out / OPERATING_POINT_FILE).is_file():
        print('Without an operating point: tools/calibrate.py chooses one.')
    if not facts.figures:
        print('Without figures: tools/test.py makes them.')


def publish_detector(
    cfg: Config, checkpoint: Path, out: Path, *, licence: str, name: str
) -> DetectorFacts:
    """Write the folder; what a run left beside the checkpoint goes into its facts.

    Raises:
        InputError: the checkpoint does not fit, or a record beside it is invalid.
    """
    model, meta = load_model(cfg, checkpoint)
    beside = checkpoint.parent
    summary = _read_figures(beside, checkpoint)
    point = beside / OPERATING_POINT_FILE
    point = point.is_file() and OperatingPoint.read(
        point, checkpoint_sha256=hash_file(checkpoint)
    )
    replace_bytes(out / WEIGHTS, save(_halve(model.state_dict())))
    replace_text(out / CONFIG, f'{_plain_config(cfg).pretty_text}\n')
    read_published_config(out)
    weights_sha256 = hash_file(out / WEIGHTS)
    (out / OPERATING_POINT_FILE).unlink(missing_ok=True)
    if point:
        replace(
            point,
            checkpoint_sha256=weights_sha256,
            chosen_on=_shorten_words(point.chosen_on),
        ).write(out / OPERATING_POINT_FILE)
    _copy_settings(cfg, out)
    command = read_entries(beside / RECORD).get('train', {}).get('command')
    facts = DetectorFacts(
        name=name,
        weights_sha256=weights_sha256,
        config_sha256=hash_file(out / CONFIG),
        training_data=asdict(_read_training_data(beside, meta, summary)),
        training_command=command and _shorten_words(command),
        figures=_list_figures(summary),
        licence=licence,
        made_with=f'mmdeepfake {__version__}',
    )
    text = _format_card(facts, cfg, point or None, summary)
    replace_text(out / CARD, text)
    facts.write(out)
    return facts


def _halve(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return floats in half precision, except where one would overflow."""
    halves = {}
    for name, value in weights.items():
        half = value.half() if value.is_floating_point() else value
        is_kept = bool(torch.isfinite(half).all())
        halves[name] = (half if is_kept else value).contiguous()
    return halves


def _plain_config(cfg: Config) -> Config:
    values = cfg.to_dict()
    for key in _RUN_KEYS:
        values.pop(key, None)
    return Config(_shorten_paths(values))


def _shorten_paths(node: Any) -> Any:
    """Replace absolute paths, which hold on one machine only, by 'data/NAME'."""
    if isinstance(node, Mapping):
        return {key: _shorten_paths(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return type(node)(map(_shorten_paths, node))
    if isinstance(node, str) and os.path.isabs(node):
        return f'data/{Path(node).name}'
    return node


def _shorten_words(text: str) -> str:
    """Return a text of words in which absolute paths are names."""
    return ' '.join(
        Path(word).name if os.path.isabs(word) else word for word in text.split()
    )


def _read_training_data(
    folder: Path, meta: Mapping[str, Any], summary: Summary | None
) -> TrainingData:
    """Return that of the metadata, or of the list beside it, with the figure of a test.

    A test replaces the figure of the validation, which chose the checkpoint.
    """
    try:
        found = TrainingData.read(meta.get(TRAINING_DATA))
    except ValueError as error:
        raise DataError(f'the checkpoint has no valid metadata: {error}') from error
    listed = folder / TRAINING_VIDEOS_FILE
    if listed.is_file():
        found = replace(SeenVideos.read(listed).training_data, figure=found.figure)
    if summary is None or isnan(summary.overall.auc):
        return found
    low, high = summary.overall.intervals.get('auc', (None, None))
    auc, sets = summary.overall.auc, _tested_sets(folder)
    figure = KnownFigure(TEST, auc, low, high, summary.num_videos, sets)
    return replace(found, figure=figure)


def _tested_sets(folder: Path) -> tuple[str, ...]:
    keys = [one.key for one in read_predictions(folder / PREDICTIONS)]
    return tuple(sorted({key.dataset for key in keys if key.dataset}))


def _read_figures(folder: Path, checkpoint: Path) -> Summary | None:
    """Return the figures of the test of this checkpoint, if there are any."""
    path = folder / METRICS
    if not path.is_file():
        return None
    summary = read_summary(path, folder / PREDICTIONS)
    tested = load_json(path, allow_nan=True).get('checkpoint')
    return summary if Path(str(tested)).name == checkpoint.name else None


def _list_figures(summary: Summary | None) -> dict[str, Any]:
    if summary is None:
        return {}
    rows = (*summary.methods, summary.overall)
    return {
        row.name: {
            'auc': row.auc if row.auc == row.auc else None,
            'auc_interval': row.intervals.get('auc'),
            'num_real': row.num_real,
            'num_fake': row.num_fake,
        }
        for row in rows
    }


def _copy_settings(cfg: Config, out: Path) -> None:
    """Copy how the training videos were prepared, which inference repeats."""
    (out / SETTINGS).unlink(missing_ok=True)
    dataset = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    source = Path(str(dataset.get('data_root')), SETTINGS)
    if source.is_file():
        replace_bytes(out / SETTINGS, source.read_bytes())


def _format_card(
    facts: DetectorFacts,
    cfg: Config,
    point: OperatingPoint | None,
    summary: Summary | None,
) -> str:
    if point is None:
        verdict = 'not calibrated: threshold 0.5, with an unknown rate of false alarms'
    else:
        verdict = (
            f'signs of manipulation from {point.threshold:.4f}, uncertain from '
            f'{point.uncertain_from:.4f}; of {point.num_real} real validation videos '
            f'{point.false_positive_rate:.1%} show such signs (95% bound: '
            f'{point.false_positive_rate_bound:.1%}), of {point.num_fake} fake ones '
            f'{point.true_positive_rate:.1%}'
        )
    rows = [
        ('model', describe_model(cfg.model)),
        ('trained on', str(TrainingData.read(facts.training_data))),
        ('trained by', f'`{facts.training_command or "an unknown command"}`'),
        ('verdicts', verdict),
        ('weights', f'`{WEIGHTS}`, SHA-256 `{facts.weights_sha256}`'),
        ('licence', facts.licence),
        ('made with', facts.made_with),
    ]
    figures = 'No test is recorded.' if summary is None else format_markdown(summary)
    sections = [
        _HUB_METADATA,
        f'# {facts.name}',
        '\n'.join(('| | |', '|---|---|', *(f'| {a} | {b} |' for a, b in rows))),
        '## Figures',
        figures,
        '## Limits',
        'A score is the output of a model, not proof. It can be wrong on videos unlike '
        'the training data, and after compression, scaling or editing. Do not accuse '
        'anyone because of it.',
    ]
    return '\n\n'.join(sections) + '\n'
