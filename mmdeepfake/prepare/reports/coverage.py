"""How much of a dataset became face clips, and what did not, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mmdeepfake.files.printable_text import count_noun, show_text
from mmdeepfake.structures import FAILED, NO_FACE, OK, VideoKey

from ..prepared_video import PreparedVideo

SNIPPET_SET_FRAMES = 16  # 4 snippets of 4 frames, as the configs take by default
_MAX_FAULTS_SHOWN = 20


@dataclass
class PartCount:
    """Counts of the videos of one split, method and compression level.

    Attributes:
        found: videos that the dataset lists.
        ok: with a face.
        no_face: without one.
        failed: could not be prepared.
        to_do: not prepared yet, by this run or by others.
        several_people: with more than one face at the same time.
        several_tracks: with more than one track: several people, or several shots.
        short: whose main clip has fewer frames than a snippet set.
        boxes: face boxes stored.
        interpolated: those of them between two detections.
    """

    found: int = 0
    ok: int = 0
    no_face: int = 0
    failed: int = 0
    to_do: int = 0
    several_people: int = 0
    several_tracks: int = 0
    short: int = 0
    boxes: int = 0
    interpolated: int = 0

    def add(self, video: PreparedVideo | None) -> None:
        """Count one video, None for one that is not prepared."""
        self.found += 1
        if video is None:
            self.to_do += 1
            return
        facts = video.facts
        self.ok += video.status == OK
        self.no_face += video.status == NO_FACE
        self.failed += video.status == FAILED
        self.several_people += facts.num_people > 1
        self.several_tracks += facts.num_tracks > 1
        if video.status == OK:
            self.short += (video.records[0].num_frames or 0) < SNIPPET_SET_FRAMES
        self.boxes += facts.num_boxes
        self.interpolated += facts.num_interpolated


@dataclass
class Coverage:
    """What became of a dataset.

    Attributes:
        parts: 'split/method/level' to its counts.
        total: counts of all.
        origins: where the boxes come from, with the number of videos.
        faults: failed video and reason.
        without_face: videos without a face.
        notes: what else was noted, video and sentence.
    """

    parts: dict[str, PartCount] = field(default_factory=dict)
    total: PartCount = field(default_factory=PartCount)
    origins: dict[str, int] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    without_face: list[str] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def count_coverage(
    listed: Iterable[tuple[VideoKey, str]], prepared: Iterable[PreparedVideo]
) -> Coverage:
    """Count what became of the videos that a dataset lists.

    Args:
        listed: key and split of every video wanted.
        prepared: those of the output; others than the listed are counted too.
    """
    by_key = {video.key: video for video in prepared}
    splits = {key: video.records[0].split for key, video in by_key.items()}
    splits.update(listed)
    coverage, origins = Coverage(), Counter()
    for key, split in sorted(splits.items()):
        video = by_key.get(key)
        part = f'{split}/{key.method}/{key.compression}'
        coverage.parts.setdefault(part, PartCount()).add(video)
        coverage.total.add(video)
        if video is None:
            continue
        if video.status == FAILED:
            coverage.faults[str(key)] = video.records[0].fault or ''
        else:
            origins[video.facts.origin] += 1
        if video.status == NO_FACE:
            coverage.without_face.append(str(key))
        if video.facts.notes:
            coverage.notes[str(key)] = list(video.facts.notes)
    coverage.origins = dict(sorted(origins.items()))
    return coverage


_COLUMNS = {
    'found': 'videos',
    'ok': 'with a face',
    'no_face': 'no face',
    'failed': 'failed',
    'to_do': 'to do',
    'several_people': 'several people',
    'several_tracks': 'several tracks',
    'short': f'< {SNIPPET_SET_FRAMES} frames',
}


def format_coverage(coverage: Coverage) -> str:
    """Format the coverage as text: a table, then the failures with their reasons."""
    rows = [*coverage.parts.items(), ('all', coverage.total)]
    lines = _format_table(rows)
    total = coverage.total
    share = total.interpolated / total.boxes if total.boxes else 0.0
    origins = [f'{k} ({count_noun(v, "video")})' for k, v in coverage.origins.items()]
    lines += [
        '',
        f'Boxes: {total.boxes} stored, {total.interpolated} of them '
        f'({100 * share:.1f} %) interpolated between two detections.',
        f'Boxes come from: {", ".join(origins) or "-"}',
    ]
    lines += _format_list(
        'Failed', [f'{key}: {fault}' for key, fault in coverage.faults.items()]
    )
    lines += _format_list('Without a face', coverage.without_face)
    lines += _format_list(
        'Notes', [f'{key}: {"; ".join(notes)}' for key, notes in coverage.notes.items()]
    )
    return show_text('\n'.join(lines)) + '\n'


def _format_table(rows: Sequence[tuple[str, PartCount]]) -> list[str]:
    cells = [['', *_COLUMNS.values()]]
    cells += [[name, *(str(getattr(c, k)) for k in _COLUMNS)] for name, c in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        row[0].ljust(widths[0])
        + ''.join(f'   {c.rjust(w)}' for c, w in zip(row[1:], widths[1:], strict=True))
        for row in cells
    ]


def _format_list(title: str, items: Sequence[str]) -> list[str]:
    if not items:
        return []
    shown = [f'  {item}' for item in items[:_MAX_FAULTS_SHOWN]]
    if len(items) > _MAX_FAULTS_SHOWN:
        shown.append(
            f'  and {len(items) - _MAX_FAULTS_SHOWN} more, all in coverage.json'
        )
    return ['', f'{title}:', *shown]
