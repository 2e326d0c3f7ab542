"""How many real videos stand against how many fakes in training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from mmdeepfake.structures import FAKE, REAL

Video = TypeVar('Video')


def as_listed(videos: Sequence[tuple[int, Video]]) -> list[Video]:
    """List each video once."""
    return [video for _, video in videos]


def repeat_real(videos: Sequence[tuple[int, Video]]) -> list[Video]:
    """List real videos repeatedly until there are as many as fakes.

    With R real videos and F > R fakes, real video i is listed
    floor((i + 1) * F / R) - floor(i * F / R) times: all of them F // R times, and F % R
    of them, evenly spread, once more. With one manipulation of FaceForensics++ nothing
    changes; with four, each real video is listed four times. Fakes are never repeated,
    so nothing changes either where they are the fewer.

    Args:
        videos: (label, video) pairs.

    Returns:
        The videos in the order given, copies of one side by side.
    """
    labels = [label for label, _ in videos]
    num_real, num_fake = labels.count(REAL), labels.count(FAKE)
    if not 0 < num_real < num_fake:
        return as_listed(videos)
    balanced: list[Video] = []
    i = 0
    for label, video in videos:
        copies = 1
        if label == REAL:
            copies = (i + 1) * num_fake // num_real - i * num_fake // num_real
            i += 1
        balanced.extend([video] * copies)
    return balanced


BALANCES: dict[str | None, Callable[[Sequence[tuple[int, Video]]], list[Video]]] = {
    None: as_listed,
    'repeat_real': repeat_real,
}
