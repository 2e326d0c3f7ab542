"""Does a file hold the compression that its folder promises?

FaceForensics++ was coded by x264, which writes its settings into the stream: `crf=23.0`
in a file of c23. A copy that was put into the wrong folder shows by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..prepared_video import PreparedVideo

_LOSSLESS = ('raw', 'c0')


def promised_crf(compression: str) -> float | None:
    """Rate factor that a compression level stands for: 'c23' -> 23.0, 'raw' -> 0.0."""
    if compression in _LOSSLESS:
        return 0.0
    match = re.fullmatch(r'c(\d+)', compression)
    return float(match[1]) if match else None


def find_wrong_quality(videos: Iterable[PreparedVideo]) -> list[str]:
    """Name the videos whose stream contradicts their compression level.

    Streams that tell nothing, and levels that promise nothing, contradict nothing.
    """
    wrong = []
    for video in sorted(videos, key=lambda v: v.key):
        promised, found = promised_crf(video.key.compression), video.facts.x264_crf
        if promised is not None and found is not None and promised != found:
            wrong.append(
                f'{video.key}: its stream says crf={found:g}, '
                f'{video.key.compression} stands for {promised:g}'
            )
    return wrong
