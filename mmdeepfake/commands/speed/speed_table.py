"""The tables of `tools/speed.py`: to read, to compute with, and what is aimed at."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mmdeepfake.files.atomic_write import replace_text

from .speed_model import SpeedSettings
from .speed_timing import Spread

MODE_NAMES = {'forward': 'inference', 'train': 'train step'}


@dataclass
class SpeedRow:
    """What was measured of one model on one kind of input.

    Attributes:
        name: as the command line or the built-in list calls the model.
        config: its file.
        frames: of a video, and their size, in words.
        num_frames: of a video.
        num_videos: of a batch.
        parameters: of the model.
        gmacs: 1e9 multiply-accumulates a video, see `complexity`.
        seconds: mode -> of a whole batch.
        ratios: mode -> time a frame over the floor's in the same round.
        peak_bytes: mode -> peak memory of a batch.
        faults: mode or 'memory' -> why there is no figure.
    """

    name: str
    config: str
    frames: str
    num_frames: int
    num_videos: int
    parameters: int
    gmacs: float
    seconds: dict[str, Spread] = field(default_factory=dict)
    ratios: dict[str, Spread] = field(default_factory=dict)
    peak_bytes: dict[str, int] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    def milliseconds_a_video(self, mode: str) -> Spread | None:
        """Give the time of one video out of the batch."""
        found = self.seconds.get(mode)
        return None if found is None else found.times(1e3 / self.num_videos)

    def memory_ratio(self, mode: str, floor: SpeedRow) -> float | None:
        """Give the peak memory a frame over the floor's."""
        if mode not in self.peak_bytes or mode not in floor.peak_bytes:
            return None
        frames = self.num_frames * self.num_videos
        floor_frames = floor.num_frames * floor.num_videos
        return self.peak_bytes[mode] / floor.peak_bytes[mode] * floor_frames / frames


@dataclass(frozen=True)
class SpeedSection:
    """All models on the frames of one split.

    Attributes:
        split: 'train' or 'test', whose pipeline gives the frames.
        rows: the floor is the first.
    """

    split: str
    rows: tuple[SpeedRow, ...]


@dataclass(frozen=True)
class Target:
    """A ratio that a model should stay at or under.

    Attributes:
        device: 'cpu', or a word in the name of the CUDA device.
        mode: 'forward' or 'train'.
        quantity: 'time' or 'memory'.
        limit: the ratio.
        rival: what it is a ratio to.
    """

    device: str
    mode: str
    quantity: str
    limit: float
    rival: str = 'ResNet-50'


FOR_MODELS = ('RATFNet-50', 'RATFNet-50 + CSA')
TARGETS = (
    Target('cpu', 'train', 'time', 1.15),
    Target('cpu', 'forward', 'time', 1.06),
    Target('cpu', 'train', 'memory', 1.15),
    Target('H100', 'train', 'time', 1.15),
    Target('H100', 'forward', 'time', 1.08),
    Target('H100', 'train', 'memory', 1.15),
    Target('H100', 'train', 'time', 1.0, rival='TANet'),
)
# Device of a target -> its conditions in words, and the command that fulfils them.
CONDITIONS = {
    'cpu': ('CPU, fp32, 2 threads', 'python tools/speed.py --threads 2'),
    'H100': (
        'H100, bf16 AMP, channels_last',
        'python tools/speed.py --device cuda --dtype bf16 --channels-last --batch 12',
    ),
}


def meets_conditions(target: Target, settings: SpeedSettings, device: str) -> bool:
    """Tell whether a run is of the kind that a target is for.

    Args:
        target: one of `TARGETS`.
        settings: of the run.
        device: name of the device that it ran on.
    """
    if target.device == 'cpu':
        wanted = ('cpu', 'fp32', 2)
        return (settings.device, settings.dtype, settings.threads) == wanted
    return (
        settings.on_cuda
        and target.device in device
        and settings.dtype == 'bf16'
        and settings.channels_last
    )


def judge_targets(
    sections: Sequence[SpeedSection], settings: SpeedSettings, device: str
) -> list[tuple[str, ...]]:
    """Give a row for each target: conditions, what, limit, and each model's verdict.

    Training is judged on the frames of training, inference on those of the test.
    """
    found = {section.split: section.rows for section in sections}
    judged = []
    for target in TARGETS:
        words, command = CONDITIONS[target.device]
        what = MODE_NAMES[target.mode]
        if target.quantity == 'memory':
            what = f'peak memory of a {what}'
        verdicts = []
        for name in FOR_MODELS:
            ratio = None
            if meets_conditions(target, settings, device):
                rows = found.get('train' if target.mode == 'train' else 'test', ())
                ratio = find_ratio(rows, name, target)
            if ratio is None:
                verdicts.append('not measured')
            else:
                verdict = 'met' if round(ratio, 2) <= target.limit else 'not met'
                verdicts.append(f'{ratio:.2f}: {verdict}')
        command = command if 'not measured' in verdicts else ''
        limit = f'<= {target.limit:.2f} x {target.rival}'
        judged.append((words, what, limit, *verdicts, command and f'`{command}`'))
    return judged


def find_ratio(rows: Sequence[SpeedRow], name: str, target: Target) -> float | None:
    """Look a model's ratio to a target's rival up, None where one was not measured."""
    by_name = {row.name: row for row in rows}
    row, rival = by_name.get(name), by_name.get(target.rival)
    if row is None or rival is None:
        return None
    if target.quantity == 'memory':
        return row.memory_ratio(target.mode, rival)
    if target.mode not in row.ratios or target.mode not in rival.ratios:
        return None
    return row.ratios[target.mode].median / rival.ratios[target.mode].median


def format_markdown(
    sections: Sequence[SpeedSection], settings: SpeedSettings, facts: Mapping[str, str]
) -> str:
    """Lay everything out: the conditions, a table for each split, the targets."""
    parts = ['# Speed', '\n'.join(f'- {key}: {fact}' for key, fact in facts.items())]
    for section in sections:
        floor = section.rows[0]
        parts.append(
            f'## The frames of the {section.split} pipeline\n\n'
            f'Times are of one video, ratios are to {floor.name} for as many frames, '
            'rounds in pairs; medians, with the quartiles in brackets.'
        )
        parts.append(markdown_table(*_section_table(section, settings.modes)))
        parts += [f'- {line}' for line in _fault_lines(section)]
    header = ('conditions', 'what', 'target', *FOR_MODELS, 'command')
    parts.append('## Targets')
    judged = judge_targets(sections, settings, facts['device'])
    parts.append(markdown_table(header, judged))
    return '\n\n'.join(parts) + '\n'


def _section_table(
    section: SpeedSection, modes: Iterable[str]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    header = ['model', 'a video', 'videos', 'parameters, M', 'GMAC']
    for mode in modes:
        header += [f'{MODE_NAMES[mode]}, ms', 'ratio', 'peak, MB', 'ratio']
    floor = section.rows[0]
    lines = []
    for row in section.rows:
        cells = [
            row.name,
            row.frames,
            str(row.num_videos),
            f'{row.parameters / 1e6:.2f}',
            f'{row.gmacs:.1f}',
        ]
        for mode in modes:
            cells += [
                _spread_text(row.milliseconds_a_video(mode), 0),
                _spread_text(row.ratios.get(mode), 2),
                f'{row.peak_bytes[mode] / 1e6:.0f}' if mode in row.peak_bytes else '-',
                _ratio_text(row.memory_ratio(mode, floor)),
            ]
        lines.append(tuple(cells))
    return tuple(header), lines


def _spread_text(spread: Spread | None, digits: int) -> str:
    if spread is None:
        return '-'
    if round(spread.low, digits) == round(spread.high, digits):
        return f'{spread.median:.{digits}f}'
    low, high = (f'{value:.{digits}f}' for value in (spread.low, spread.high))
    return f'{spread.median:.{digits}f} [{low}, {high}]'


def _ratio_text(ratio: float | None) -> str:
    return '-' if ratio is None else f'{ratio:.2f}'


def _fault_lines(section: SpeedSection) -> list[str]:
    return [
        f'{row.name}, {MODE_NAMES.get(what, what)}: not measured: {fault}'
        for row in section.rows
        for what, fault in row.faults.items()
    ]


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay rows out as a Markdown table."""
    lines = [header, ['---'] * len(header), *rows]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def format_csv(sections: Sequence[SpeedSection]) -> str:
    """One line for each split, model and mode, in full precision."""
    columns = ('split', 'model', 'config', 'mode', 'num_frames', 'num_videos')
    columns += ('parameters', 'gmacs', 'seconds', 'seconds_low', 'seconds_high')
    columns += ('ratio', 'ratio_low', 'ratio_high', 'peak_bytes', 'fault')
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator='\n')
    writer.writerow(columns)
    for section in sections:
        for row in section.rows:
            for mode in MODE_NAMES:
                writer.writerow(_csv_cells(section.split, row, mode))
    return buffer.getvalue()


def _csv_cells(split: str, row: SpeedRow, mode: str) -> list[object]:
    cells: list[object] = [split, row.name, row.config, mode, row.num_frames]
    cells += [row.num_videos, row.parameters, row.gmacs]
    for spread in (row.seconds.get(mode), row.ratios.get(mode)):
        cells += (
            3 * [''] if spread is None else [spread.median, spread.low, spread.high]
        )
    return [*cells, row.peak_bytes.get(mode, ''), row.faults.get(mode, '')]


def write_tables(
    sections: Sequence[SpeedSection],
    settings: SpeedSettings,
    facts: Mapping[str, str],
    folder: str | Path,
) -> None:
    """Write speed.md, speed.csv and speed.json into a folder."""
    record = {
        'facts': dict(facts),
        'settings': asdict(settings),
        'sections': [asdict(section) for section in sections],
    }
    text = format_markdown(sections, settings, facts)
    write_files('speed', text, format_csv(sections), record, folder)


def write_files(
    stem: str, markdown: str, table: str, record: Mapping, folder: str | Path
) -> None:
    """Write a report, its table and its record, each file whole or not at all."""
    texts = {
        '.md': markdown,
        '.csv': table,
        '.json': json.dumps(record, indent=2) + '\n',
    }
    for suffix, text in texts.items():
        replace_text(Path(folder, stem + suffix), text)
