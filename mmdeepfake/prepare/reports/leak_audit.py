"""Leaks between splits: what a model could know of its test set from training.

That is one video, source video or person in two splits, and one content under two keys.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mmdeepfake.files.printable_text import show_text

from ..prepared_video import PreparedVideo

_MAX_SHOWN = 10


@dataclass
class Leaks:
    """Findings, each a sentence that names the videos.

    Attributes:
        videos: one name and method in two splits.
        sources: a video that others were made from, in two splits.
        identities: a person in two splits.
        copies_across_splits: one content in two splits.
        copies_across_labels: one content as real and as fake.
        copies_within: one content under two keys of one split and label.
    """

    videos: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    identities: list[str] = field(default_factory=list)
    copies_across_splits: list[str] = field(default_factory=list)
    copies_across_labels: list[str] = field(default_factory=list)
    copies_within: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the findings as JSON values."""
        return asdict(self)

    @property
    def num_findings(self) -> int:
        """Number of all findings."""
        return sum(map(len, self.to_dict().values()))


def find_leaks(videos: Iterable[PreparedVideo]) -> Leaks:
    """Find leaks between the splits of prepared videos."""
    videos = sorted(videos, key=lambda video: video.key)
    leaks = Leaks(
        videos=_names_in_two_splits(
            videos, lambda v: [f'{v.key.dataset}/{v.key.method}/{v.key.name}']
        ),
        sources=_names_in_two_splits(
            videos, lambda v: [f'{v.key.dataset}/{name}' for name in v.sources]
        ),
        identities=_names_in_two_splits(
            videos,
            lambda v: [f'{v.key.dataset}/{name}' for name in v.records[0].identities],
        ),
    )
    _find_copies(videos, leaks)
    return leaks


def _names_in_two_splits(
    videos: Sequence[PreparedVideo], names_of: Callable[[PreparedVideo], list[str]]
) -> list[str]:
    examples: dict[str, dict[str, PreparedVideo]] = defaultdict(dict)
    for video in videos:
        for name in names_of(video):
            examples[name].setdefault(video.records[0].split, video)
    return [
        f'{name}: '
        + ', '.join(f'in {split} ({v.key})' for split, v in sorted(by_split.items()))
        for name, by_split in sorted(examples.items())
        if len(by_split) > 1
    ]


def _find_copies(videos: Sequence[PreparedVideo], leaks: Leaks) -> None:
    by_content: dict[str, list[PreparedVideo]] = defaultdict(list)
    for video in videos:
        if video.facts.sha256:
            by_content[video.facts.sha256].append(video)
    for copies in by_content.values():
        if len(copies) < 2:
            continue
        splits = {video.records[0].split for video in copies}
        labels = {video.key.label for video in copies}
        text = ' = '.join(f'{v.key} ({v.records[0].split})' for v in copies)
        if len(splits) > 1:
            leaks.copies_across_splits.append(text)
        if len(labels) > 1:
            leaks.copies_across_labels.append(text)
        if len(splits) == len(labels) == 1:
            leaks.copies_within.append(text)


_TITLES = {
    'videos': 'videos in two splits',
    'sources': 'source videos in two splits',
    'identities': 'identities in two splits',
    'copies_across_splits': 'files of the same content in two splits',
    'copies_across_labels': 'files of the same content as real and as fake',
    'copies_within': 'files of the same content under two names',
}


def format_leaks(leaks: Leaks) -> str:
    """Format the findings as text."""
    if not leaks.num_findings:
        return 'Leaks: none found.\n'
    lines = ['Leaks:']
    for name, title in _TITLES.items():
        found = getattr(leaks, name)
        if found:
            lines.append(f'  {len(found)} {title}')
            lines += [f'    {text}' for text in found[:_MAX_SHOWN]]
            if len(found) > _MAX_SHOWN:
                lines.append(f'    and {len(found) - _MAX_SHOWN} more, in leaks.json')
    return show_text('\n'.join(lines)) + '\n'
