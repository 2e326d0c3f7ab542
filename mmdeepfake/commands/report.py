"""Write the report of a finished run: table, notes and plots in one folder."""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from mmdeepfake.engine.run_record import RECORD, USAGE, describe_usage, read_entries
from mmdeepfake.engine.score_curves import roc_lines, score_rows
from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.evaluation.calibration import reliability_curve
from mmdeepfake.evaluation.predictions import read_predictions
from mmdeepfake.evaluation.summary import Summary
from mmdeepfake.evaluation.table import build_table, format_markdown
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.files.bounded_reading import load_json
from mmdeepfake.visualization.reliability_plot import Reliability, plot_reliability
from mmdeepfake.visualization.report_plots import plot_scores, plot_training_curve

PREDICTIONS = 'predictions.csv'
METRICS = 'metrics.json'
FOLDER = 'evaluation'  # of a run, with a folder for each set of `tools/evaluate.py`
REPORT = 'report.md'
SCORES_PLOT = 'scores.png'
RELIABILITY_PLOT = 'reliability.png'
TRAINING_PLOT = 'training_curve.png'
_MIN_WIDTH = 90  # columns; a table of FaceForensics++ needs about 75


@dataclass(frozen=True)
class Report:
    """A written report.

    Attributes:
        summary: the figures.
        files: content -> path.
        notes: sentences to the figures.
    """

    summary: Summary
    files: dict[str, Path]
    notes: tuple[str, ...]


def run_report(args: argparse.Namespace) -> None:
    """Write the report of a run and print its table."""
    print_report(write_report(args.work_dir))


def write_report(work_dir: str | Path) -> Report:
    """Write a report of a run's predictions, figures and training log.

    Reads `predictions.csv` and `metrics.json` of a test, and every
    `*/vis_data/scalars.json` of its trainings; without one the report has no training
    curve and says so.
    """
    work_dir = Path(work_dir)
    if not work_dir.is_dir():
        raise DataNotFoundError(
            f'no work dir {work_dir}: python tools/train.py CONFIG writes one'
        )
    predictions = read_predictions(work_dir / PREDICTIONS)
    summary = read_summary(work_dir / METRICS, work_dir / PREDICTIONS)
    files = {'report': work_dir / REPORT, 'scores': work_dir / SCORES_PLOT}
    plot_scores(
        score_rows(predictions),
        roc_lines(predictions, summary),
        files['scores'],
        threshold=summary.threshold,
    )
    files['reliability'] = work_dir / RELIABILITY_PLOT
    labels = [prediction.key.label for prediction in predictions]
    curve = reliability_curve(labels, [one.fake_score for one in predictions])
    overall = summary.overall
    plot_reliability(
        Reliability(*curve, overall.brier, overall.ece), files['reliability']
    )
    # Folders are named by the time a run began.
    logs = sorted(work_dir.glob('*/vis_data/scalars.json'))
    notes = summary.notes()
    if logs:
        files['training curve'] = work_dir / TRAINING_PLOT
        plot_training_curve(logs, files['training curve'])
    else:
        notes.append(f'No training curve: {work_dir} has no training log.')
    usage = read_entries(work_dir / RECORD).get('test', {}).get(USAGE)
    if usage:
        notes.append(describe_usage(usage) + '.')
    files['predictions'] = work_dir / PREDICTIONS
    files['figures'] = work_dir / METRICS
    report = Report(summary, files, tuple(notes))
    replace_text(files['report'], _format_report(report, work_dir))
    return report


def print_report(report: Report) -> None:
    """Print the table, its notes and the paths of the files."""
    console = Console()
    if not console.is_terminal:  # a pipe or file has no width
        console = Console(width=max(console.width, _MIN_WIDTH))
    console.print(build_table(report.summary))
    print('\n'.join(report.notes))
    width = max(map(len, report.files))
    for name, path in report.files.items():
        print(f'{name:<{width}}  {path}')


def read_summary(metrics_json: Path, predictions_csv: Path) -> Summary:
    """Read the figures and check that they belong to the predictions."""
    if not metrics_json.is_file():
        raise DataNotFoundError(
            f'no figures {metrics_json}: python tools/test.py CONFIG CHECKPOINT writes '
            'metrics.json into its work dir'
        )
    try:
        record = load_json(metrics_json, allow_nan=True)
        summary = Summary.from_json(record)
        expected = (record['predictions'] or {}).get('sha256')
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise DataError(
            f'{metrics_json}: not what DeepfakeMetric writes '
            f'({type(error).__name__}: {error}); run tools/test.py again'
        ) from error
    found = hashlib.sha256(predictions_csv.read_bytes()).hexdigest()
    if expected != found:
        raise DataError(
            f'{metrics_json} belongs to predictions with SHA-256 {expected}, but '
            f'{predictions_csv} has {found}; run tools/test.py again'
        )
    return summary


def _format_report(report: Report, work_dir: Path) -> str:
    pictures = [
        f'![{name}]({report.files[name].name})'
        for name in ('scores', 'reliability', 'training curve')
        if name in report.files
    ]
    sha256 = hashlib.sha256(report.files['predictions'].read_bytes()).hexdigest()
    sections = [
        f'# Report of {work_dir.resolve().name}',
        format_markdown(report.summary),
        '\n'.join(f'- {note}' for note in report.notes),
        *pictures,
        f'Score of every video: [{PREDICTIONS}]({PREDICTIONS}) (SHA-256 `{sha256}`). '
        f'Figures: [{METRICS}]({METRICS}).',
    ]
    return '\n\n'.join(sections) + '\n'
