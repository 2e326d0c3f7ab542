"""Whether the files have the compression of their folder.

FaceForensics++ was encoded by x264, which writes its settings into the stream:
`crf=23.0` in a file of c23. That reveals a file in the wrong folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mmdeepfake.files.printable_text import show_text

from ..prepared_video import PreparedVideo


def promised_crf(compression: str) -> float | None:
    """Return the rate factor of a compression level: 'c23' -> 23.0, 'raw' -> 0.0."""
    if compression == 'raw':
        return 0.0
    match = re.fullmatch(r'c(\d+)', compression)
    return float(match[1]) if match else None


def find_wrong_quality(videos: Iterable[PreparedVideo]) -> list[str]:
    """Name the videos whose stream contradicts their compression level.

    A stream without settings, and a level without a rate factor, contradict nothing.
    """
    wrong = []
    for video in sorted(videos, key=lambda v: v.key):
        promised, found = promised_crf(video.key.compression), video.facts.x264_crf
        if None not in (promised, found) and promised != found:
            wrong.append(
                f'{video.key}: its stream has crf={found:g}, '
                f'{video.key.compression} stands for {promised:g}'
            )
    return wrong


def format_quality(wrong_quality: Sequence[str]) -> str:
    """Format the contradicting files as text."""
    if not wrong_quality:
        return 'Compression: no file contradicts its level.\n'
    lines = [f'Compression: {len(wrong_quality)} files contradict their level:']
    lines += [f'  {text}' for text in wrong_quality]
    return show_text('\n'.join(lines)) + '\n'
