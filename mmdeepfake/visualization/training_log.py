"""Read the scalars that MMEngine logs during training as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.bounded_reading import parse_json, read_lines, shorten

METRIC_PREFIX = 'deepfake/'


@dataclass
class TrainingLog:
    """Scalars of one training, by iteration.

    Attributes:
        train: (step, scalars) of each logged training iteration.
        val: (step, scalars) of each validation, with the step of the last training
            iteration before it: MMEngine writes the epoch instead, or 0 in runs by
            iterations.
    """

    train: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    val: list[tuple[int, dict[str, float]]] = field(default_factory=list)


def read_training_log(scalars_json: Sequence[str | Path]) -> TrainingLog:
    """Join the `vis_data/scalars.json` of a work dir's runs, oldest first.

    A run that resumes or restarts in the same folder replaces earlier entries from its
    first iteration on.
    """
    log = TrainingLog()
    for path in map(Path, scalars_json):
        if not path.is_file():
            raise DataNotFoundError(
                f'no training log {path}; python tools/train.py CONFIG writes one'
            )
        run = _read_run(path)
        if run.train:
            first = run.train[0][0]
            log.train = [point for point in log.train if point[0] < first]
            log.val = [point for point in log.val if point[0] < first]
        log.train += run.train
        log.val += run.val
    return log


def _read_run(path: Path) -> TrainingLog:
    run, step = TrainingLog(), 0
    number = 0
    try:
        for line in read_lines(path, keep_ends=True):
            number += 1
            if not line.endswith('\n'):
                break  # truncated by a kill or a full disk
            scalars = _read_scalars(line)
            if 'loss' in scalars:
                step = int(scalars['step'])
                run.train.append((step, scalars))
            elif any(name.startswith(METRIC_PREFIX) for name in scalars):
                run.val.append((step, scalars))
    except json.JSONDecodeError as error:
        raise DataError(f'{path}, line {number}: invalid JSON ({error.msg})') from error
    except (ValueError, KeyError, OverflowError) as error:
        raise DataError(f'{path}, line {number}: invalid scalars ({error})') from error
    return run


def _read_scalars(line: str) -> dict[str, float]:
    scalars = parse_json(line, allow_nan=True)
    if not isinstance(scalars, dict) or not all(
        isinstance(value, int | float) for value in scalars.values()
    ):
        raise ValueError(f'{shorten(line)} is not an object of numbers')
    return scalars
