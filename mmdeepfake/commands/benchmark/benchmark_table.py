"""The table of a benchmark, as Markdown to read and CSV to compute with."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmdeepfake.evaluation.summary import CONFIDENCE, RowResult, Summary
from mmdeepfake.files.atomic_write import replace_text

from ..complexity import Complexity, describe_shape
from ..paper_tables.paper_results import PaperRow, read_paper_results

MARKDOWN, CSV = 'benchmark.md', 'benchmark.csv'
CSV_COLUMNS = (
    'config', 'seed', 'status', 'row', 'num_real', 'num_fake', 'acc', 'auc', 'auc_low',
    'auc_high', 'eer', 'ap', 'paper_acc', 'paper_table', 'parameters', 'gmacs',
)  # fmt: skip
_FIGURES = ('num_real', 'num_fake', 'acc', 'auc', 'auc_low', 'auc_high', 'eer', 'ap')


@dataclass(frozen=True)
class SeedResult:
    """What one run gave.

    Attributes:
        seed: of the training.
        summary: its figures, None where there are none.
        failure: why there are none; '' if there are.
        dataset: name of the dataset in the keys of its videos.
        code: version of the code that trained and tested it, as far as is known.
    """

    seed: int
    summary: Summary | None
    failure: str
    dataset: str = ''
    code: tuple[str, ...] = ()


@dataclass(frozen=True)
class BenchmarkRow:
    """All that is known of one config.

    Attributes:
        name: stem of the config's file name.
        seeds: one result a seed.
        complexity: what the model costs at its test input, None if not known.
        paper: the paper's row, None where the paper has none on this data.
    """

    name: str
    seeds: tuple[SeedResult, ...]
    complexity: Complexity | None
    paper: PaperRow | None

    @property
    def summaries(self) -> list[Summary]:
        """Those of the seeds that finished."""
        return [seed.summary for seed in self.seeds if seed.summary is not None]


def write_tables(rows: Sequence[BenchmarkRow], folder: str | Path) -> list[Path]:
    """Write both tables into a folder, each whole or not at all; give their paths."""
    markdown, table = Path(folder) / MARKDOWN, Path(folder) / CSV
    replace_text(markdown, format_markdown(rows))
    replace_text(table, format_csv(rows))
    return [markdown, table]


def format_markdown(rows: Sequence[BenchmarkRow]) -> str:
    """The AUC of every row, the paper's accuracies beside ours, what is missing."""
    names = _manipulations(rows)
    sections = ['# Benchmark', _auc_table(rows, names)]
    if any(row.paper for row in rows):
        sections += ["## Accuracy, ours and the paper's", _paper_table(rows, names)]
    sections.append('\n'.join(f'- {note}' for note in _notes(rows)))
    return '\n\n'.join(sections) + '\n'


def format_csv(rows: Sequence[BenchmarkRow]) -> str:
    """One line for each config, seed and row of its figures, in full precision."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, CSV_COLUMNS, lineterminator='\n')
    writer.writeheader()
    for row in rows:
        shared = {'config': row.name}
        if row.complexity is not None:
            shared['parameters'] = row.complexity.num_parameters
            shared['gmacs'] = row.complexity.gmacs
        for seed in row.seeds:
            line = {**shared, 'seed': seed.seed, 'status': seed.failure or 'done'}
            if seed.summary is None:
                writer.writerow(line)
            for figures in seed.summary.rows if seed.summary else ():
                writer.writerow(
                    {
                        **line,
                        'row': figures.name,
                        **{name: _number(getattr(figures, name)) for name in _FIGURES},
                        **_paper_cells(row, figures.name),
                    }
                )
    return buffer.getvalue()


def _number(value: float) -> float | str:
    return '' if value != value else value  # nan


def _paper_cells(row: BenchmarkRow, name: str) -> dict[str, object]:
    if row.paper is None or name not in row.paper.accuracies:
        return {}
    return {
        'paper_acc': row.paper.accuracies[name],
        'paper_table': row.paper.table,
    }


def _manipulations(rows: Sequence[BenchmarkRow]) -> list[str]:
    for row in rows:
        for summary in row.summaries:
            return [method.name for method in summary.methods]
    return []


def _auc_table(rows: Sequence[BenchmarkRow], names: Sequence[str]) -> str:
    header = ['model', *names, 'all', f'all, each seed [{CONFIDENCE:.0%} CI]']
    header += ['macro ACC', 'parameters', 'GMAC', 'input of one video']
    lines = [header, ['---'] + ['---:'] * (len(header) - 1)]
    for row in rows:
        found = row.summaries
        cells = [row.name]
        cells += [_mean([_figure(s, name).auc for s in found]) for name in names]
        cells.append(f'**{_spread([s.overall.auc for s in found])}**' if found else '-')
        each = [_with_interval(s.overall) for s in found]
        cells.append('; '.join([*each, *_failures(row)]))
        cells.append(_spread([s.macro.acc for s in found]))
        lines.append([*cells, *_cost_cells(row.complexity)])
    return _join(lines)


def _cost_cells(cost: Complexity | None) -> list[str]:
    if cost is None:
        return ['-', '-', '-']
    shape = describe_shape(cost.input_shape)
    return [f'{cost.num_parameters:,}', f'{cost.gmacs:.2f}', shape]


def _paper_table(rows: Sequence[BenchmarkRow], names: Sequence[str]) -> str:
    names = names or list(next(row.paper for row in rows if row.paper).accuracies)
    pairs = [f'{name}, {who}' for name in names for who in ('ours', 'paper')]
    header = ['model', *pairs]
    lines = [[*header, 'table'], ['---'] + ['---:'] * len(header)]
    for row in rows:
        cells = [row.name]
        for name in names:
            paper = row.paper.accuracies.get(name) if row.paper else None
            cells.append(_spread([_figure(s, name).acc for s in row.summaries]))
            cells.append('-' if paper is None else f'{100 * paper:.2f}')
        lines.append([*cells, row.paper.table if row.paper else '-'])
    return _join(lines)


def _notes(rows: Sequence[BenchmarkRow]) -> list[str]:
    notes = [
        'Figures in %, at video level. Several seeds: their mean ± sample standard '
        "deviation. An interval is that of one seed's test videos (bootstrap); it "
        'knows nothing of the spread over seeds, nor the other way round.',
        'GMAC: multiply-accumulates of convolutions and matrix products for one video, '
        'at the test input of the row.',
        'Whether two rows differ by more than chance: tools/compare.py on their '
        'predictions.csv.',
    ]
    if any(row.paper for row in rows):
        paper = read_paper_results()
        notes.append(
            f'Paper: {paper["title"]} ({paper["venue"]}), {paper["url"]}. It trains '
            'one model for each manipulation and tests on 140 real and 140 fake videos '
            'of it; a config of ours on all four manipulations has harder work.'
        )
    failures = [failure for row in rows for failure in _failures(row)]
    if failures:
        count = len(failures)
        notes.append(f'{count} {"run has" if count == 1 else "runs have"} no figures.')
    code = {version for row in rows for seed in row.seeds for version in seed.code}
    if code:
        notes.append(f'Code: {"; ".join(sorted(code))}.')
    return notes + _notes_of_metric(rows)


def _notes_of_metric(rows: Sequence[BenchmarkRow]) -> list[str]:
    """Those of the first row, and in what other rows differ: score and coverage."""
    rules: dict[str, list[str]] = {}
    for row in rows:
        for summary in row.summaries[:1]:
            rules.setdefault(summary.score_rule, []).append(row.name)
    first = [summary for row in rows for summary in row.summaries][:1]
    notes = first[0].notes() if first else []
    notes = [note for note in notes if note != first[0].describe_coverage()]
    for rule, names in list(rules.items())[1:]:
        notes.append(f'Video score of {", ".join(names)}: {rule}.')
    for row in rows:
        for summary in row.summaries[:1]:
            if summary.left_out:
                notes.append(f'{row.name}: {summary.describe_coverage()}')
    return notes


def _failures(row: BenchmarkRow) -> list[str]:
    return [
        f'seed {seed.seed}: {seed.failure}'.replace('|', '\\|')
        for seed in row.seeds
        if seed.summary is None
    ]


def _figure(summary: Summary, name: str) -> RowResult:
    """The row of a manipulation; all rows of a benchmark have the same ones."""
    return next(row for row in summary.methods if row.name == name)


def _mean(values: Sequence[float]) -> str:
    return f'{100 * statistics.fmean(values):.1f}' if values else '-'


def _spread(values: Sequence[float]) -> str:
    if len(values) < 2:
        return _mean(values)
    return f'{_mean(values)} ± {100 * statistics.stdev(values):.1f}'


def _with_interval(row: RowResult) -> str:
    if row.auc_low != row.auc_low:  # nan
        return f'{100 * row.auc:.1f}'
    return f'{100 * row.auc:.1f} [{100 * row.auc_low:.1f}, {100 * row.auc_high:.1f}]'


def _join(lines: Sequence[Sequence[str]]) -> str:
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)
