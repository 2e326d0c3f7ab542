"""Figures of scores from elsewhere, for `tools/evaluate.py --scores`.

The scores become our prediction file; table, report, comparison and the join of
robustness tables then read it as one of our own.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

from mmdeepfake.engine.run_record import RECORD, write_entry
from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.evaluation.foreign_scores import (
    FIELDS,
    SCORE,
    ForeignScores,
    read_foreign_scores,
)
from mmdeepfake.evaluation.predictions import write_predictions
from mmdeepfake.evaluation.summarise import summarise
from mmdeepfake.evaluation.summary import Summary
from mmdeepfake.files.atomic_write import replace_json
from mmdeepfake.files.bounded_reading import shorten_list
from mmdeepfake.files.csv_text import parse_columns
from mmdeepfake.files.printable_text import count_noun
from mmdeepfake.structures import VideoRecord
from mmdeepfake.structures.manifest import read_manifest

from .evaluate import write_tables
from .report import FOLDER, METRICS, PREDICTIONS
from .robustness import write_foreign_points
from .scoring import ScoredSet

LEAVE_OUT, UNDECIDED = MISSING = ('leave-out', 'undecided')
_OF_MODELS = ('config', 'checkpoint', 'on', 'data_root', 'operating_point')


def evaluate_foreign(args: argparse.Namespace) -> None:
    """Write predictions and figures of each file of scores, and one table."""
    columns = check_arguments(args)
    records = [r for r in read_manifest(args.manifest) if r.split == args.split]
    if not records:
        raise DataError(f'{args.manifest} has no video of the split {args.split!r}')
    work_dir = Path(args.work_dir or f'work_dirs/{Path(args.scores[0]).stem}')
    # All are read before anything is written.
    files = [
        (Path(name), _read(Path(name), records, columns, args)) for name in args.scores
    ]
    scored = [_write(work_dir, path, scores, args) for path, scores in files]
    facts = {'scores': args.scores, 'manifest': args.manifest}
    write_entry(work_dir / RECORD, 'test', facts)
    names = ', '.join(f'`{name}`' for name in args.scores)
    write_tables(work_dir / FOLDER, scored, f'Scores from elsewhere: {names}')
    write_foreign_points(work_dir, {one.name: one.summary.overall for one in scored})


def check_arguments(args: argparse.Namespace) -> dict[str, str]:
    """Refuse arguments that do not go together; return the mapped columns."""
    given = [name for name in _OF_MODELS if getattr(args, name)]
    if given:
        raise ConfigError(
            f'--scores with {", ".join(given)}: scores from elsewhere need no model, '
            'and no data but --manifest'
        )
    if args.manifest is None:
        raise ConfigError(
            '--scores needs --manifest, the manifest.jsonl of the prepared videos, '
            'which has their labels'
        )
    stems = [Path(name).stem for name in args.scores]
    if len(set(stems)) < len(stems):
        raise ConfigError(
            f'--scores: files of one name, {", ".join(stems)}; rename one'
        )
    if not 0 <= args.min_coverage <= 1:
        raise ConfigError(f'--min-coverage {args.min_coverage:g}: allowed is 0 to 1')
    return parse_columns(args.columns, FIELDS)


def _read(
    path: Path,
    records: Sequence[VideoRecord],
    columns: dict[str, str],
    args: argparse.Namespace,
) -> ForeignScores:
    scores = read_foreign_scores(
        path, records, columns=columns, kind=args.kind, higher=args.higher
    )
    if scores.coverage < args.min_coverage:
        num_found, num_missing = len(scores.predictions), len(scores.missing)
        examples = [str(one.key) for one in scores.missing]
        raise DataError(
            f'{str(path)!r} has scores of {num_found} of {num_found + num_missing} '
            f'videos ({scores.coverage:.1%}), below --min-coverage '
            f'{args.min_coverage:.1%}; without one are {shorten_list(examples)}. '
            'A lower --min-coverage leaves them out of the figures, or counts them as '
            f'0.5 with --missing {UNDECIDED}'
        )
    return scores


def _write(
    work_dir: Path, path: Path, scores: ForeignScores, args: argparse.Namespace
) -> ScoredSet:
    counted = scores.missing if args.missing == UNDECIDED else ()
    predictions = sorted([*scores.predictions, *counted], key=lambda one: one.key)
    left_out = len(scores.missing) - len(counted)
    summary = summarise(
        predictions,
        threshold=0.5 if args.threshold is None else args.threshold,
        num_resamples=args.num_resamples,
        seed=args.seed,
        score_rule=_describe(path, len(counted), args),
        left_out={'without a score': left_out} if left_out else None,
    )
    place = work_dir / FOLDER / path.stem
    _write_files(
        place, path, summary, write_predictions(place / PREDICTIONS, predictions)
    )
    warnings = ['What this model was trained on is unknown: no leak was checked.']
    if scores.unknown:
        warnings.append(
            f'Skipped, since they fit no video of the split {args.split!r}: '
            f'{count_noun(len(scores.unknown), "line")}, '
            f'{shorten_list(scores.unknown)}.'
        )
    return ScoredSet(path.stem, place, summary, tuple(warnings))


def _describe(path: Path, num_undecided: int, args: argparse.Namespace) -> str:
    rule = f'as in {path.name}, where higher is {args.higher}'
    if args.kind == SCORE:
        rule += (
            ', by the logistic function: ACC, Brier and ECE mean something for '
            'log-odds alone, figures of the order for any score'
        )
    if num_undecided:
        rule += f'; 0.5 for {count_noun(num_undecided, "video")} without a score'
    return rule


def _write_files(place: Path, path: Path, summary: Summary, sha256: str) -> None:
    record = {
        **summary.to_json(),
        'checkpoint': None,
        'scores': {
            'file': str(path),
            'sha256': hashlib.sha256(path.read_bytes()).hexdigest(),
        },
        'predictions': {'file': PREDICTIONS, 'sha256': sha256},
    }
    replace_json(place / METRICS, record)
