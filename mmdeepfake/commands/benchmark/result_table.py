"""Write the table of a benchmark as Markdown and CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmdeepfake.evaluation.summary import CONFIDENCE, RowResult, Summary
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.files.csv_text import format_csv as join_csv
from mmdeepfake.files.printable_text import guard_cells

from ..complexity import Complexity, describe_shape
from ..finished_runs import ScoredRun
from ..markdown import format_table, plain, spread

MARKDOWN, CSV = 'benchmark.md', 'benchmark.csv'
_FIGURES = ('num_real', 'num_fake', 'acc', 'auc', 'auc_low', 'auc_high', 'eer', 'ap')
CSV_COLUMNS = (
    *('config', 'seed', 'status', 'row', *_FIGURES),
    *('parameters', 'gmacs'),
)


@dataclass(frozen=True)
class BenchmarkRow:
    """The results of one config.

    Attributes:
        name: stem of the config's file name.
        seeds: seed -> figures of its run, or why it has none.
        cost: of the model at its test input, None if unknown.
    """

    name: str
    seeds: Mapping[int, ScoredRun | str]
    cost: Complexity | None

    @property
    def runs(self) -> list[ScoredRun]:
        """The finished runs."""
        return [run for run in self.seeds.values() if isinstance(run, ScoredRun)]

    @property
    def summaries(self) -> list[Summary]:
        """Their figures."""
        return [run.summary for run in self.runs]

    @property
    def failures(self) -> list[str]:
        """What is known of the other seeds."""
        states = self.seeds.items()
        return [f'seed {seed}: {s}' for seed, s in states if isinstance(s, str)]


def write_tables(rows: Sequence[BenchmarkRow], folder: str | Path) -> list[Path]:
    """Write both tables into a folder and return their paths."""
    markdown, table = Path(folder) / MARKDOWN, Path(folder) / CSV
    replace_text(markdown, format_markdown(rows))
    replace_text(table, format_csv(rows))
    return [markdown, table]


def format_markdown(rows: Sequence[BenchmarkRow]) -> str:
    """Format the figures of every row, with notes and failures."""
    summaries = [summary for row in rows for summary in row.summaries]
    names = [method.name for method in summaries[0].methods] if summaries else []
    sections = ['# Benchmark', _auc_table(rows, names)]
    sections.append('\n'.join(f'- {plain(note)}' for note in _notes(rows)))
    return '\n\n'.join(sections) + '\n'


def format_csv(rows: Sequence[BenchmarkRow]) -> str:
    """Format one line per config, seed and row of figures, in full precision."""
    lines = []
    for row in rows:
        cost = row.cost
        shared = {'config': row.name}
        if cost is not None:
            shared |= {'parameters': cost.num_parameters, 'gmacs': cost.gmacs}
        for seed, run in row.seeds.items():
            if isinstance(run, str):
                lines.append({**shared, 'seed': seed, 'status': run})
                continue
            for one in run.summary.rows:
                line = {**shared, 'seed': seed, 'status': 'done', 'row': one.name}
                line |= {name: getattr(one, name) for name in _FIGURES}
                lines.append({k: v for k, v in line.items() if v == v})  # without nan
    table = [[line.get(name, '') for name in CSV_COLUMNS] for line in lines]
    return join_csv([CSV_COLUMNS, *map(guard_cells, table)])


def _auc_table(rows: Sequence[BenchmarkRow], names: Sequence[str]) -> str:
    header = ['model', *(f'{name} AUC %' for name in names), 'all AUC %']
    header += [f'all AUC %, each seed [{CONFIDENCE:.0%} CI]', 'all ACC %']
    header += ['macro ACC %', 'parameters', 'GMAC', 'input of one video']
    lines = []
    for row in rows:
        found = row.summaries
        cells = [row.name]
        cells += [_mean([_figure(s, name).auc for s in found]) for name in names]
        cells.append(_mean([s.overall.auc for s in found]))
        each = [_with_interval(s.overall) for s in found]
        cells.append('; '.join([*each, *row.failures]))
        cells.append(_mean([s.overall.acc for s in found]))
        cells.append(_mean([s.macro.acc for s in found]))
        lines.append([*cells, *_cost_cells(row.cost)])
    return format_table(header, lines)


def _cost_cells(cost: Complexity | None) -> list[str]:
    if cost is None:
        return ['-', '-', '-']
    shape = describe_shape(cost.input_shape)
    return [f'{cost.num_parameters:,}', f'{cost.gmacs:.2f}', shape]


def _notes(rows: Sequence[BenchmarkRow]) -> list[str]:
    notes = [
        'Figures are at video level: of a manipulation against all real videos, of all '
        'videos pooled, macro as the mean over manipulations. Several seeds: their '
        "mean ± sample standard deviation. An interval is that of one seed's test "
        'videos (bootstrap) and knows nothing of the spread over seeds.',
        'GMAC: multiply-accumulates of convolutions and matrix products for one video, '
        'at the test input of the row.',
        "tools/paper_tables.py on this folder puts the paper's figures beside these; "
        'tools/compare.py on two predictions.csv tests the difference of two rows.',
    ]
    count = sum(len(row.failures) for row in rows)
    if count:
        notes.append(f'{count} {"run has" if count == 1 else "runs have"} no figures.')
    code = {
        str(phase['code'])
        for row in rows
        for run in row.runs
        for phase in run.record.values()
        if 'code' in phase
    }
    if code:
        notes.append(f'Code: {"; ".join(sorted(code))}.')
    of_rows = {row.name: row.summaries[0].notes() for row in rows if row.summaries}
    shared = set.intersection(*map(set, of_rows.values())) if of_rows else set()
    notes += [n for n in next(iter(of_rows.values()), ()) if n in shared]
    return notes + [
        f'{name}: {note}'
        for name, own in of_rows.items()
        for note in own
        if note not in shared
    ]


def _figure(summary: Summary, name: str) -> RowResult:
    """Return the row of a manipulation."""
    return next(row for row in summary.methods if row.name == name)


def _mean(shares: Sequence[float]) -> str:
    return spread([100 * share for share in shares], digits=1)


def _with_interval(row: RowResult) -> str:
    text = f'{100 * row.auc:.1f}'
    if row.auc_low != row.auc_low:  # nan
        return text
    return f'{text} [{100 * row.auc_low:.1f}, {100 * row.auc_high:.1f}]'
