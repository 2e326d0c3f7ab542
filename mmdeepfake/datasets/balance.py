"""Balance of real and fake videos in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from mmdeepfake.structures import FAKE, REAL

Video = TypeVar('Video')


def repeat_real(videos: Sequence[Video], labels: Sequence[int]) -> list[Video]:
    """Repeat real videos up to the number of fakes, copies side by side.

    With R real videos and F > R fakes, real video i is listed
    floor((i + 1) * F / R) - floor(i * F / R) times: F // R times, and F % R of them,
    evenly spread, once more. Fakes are never repeated, so nothing changes if they are
    fewer.
    """
    num_real, num_fake = list(labels).count(REAL), list(labels).count(FAKE)
    if not 0 < num_real < num_fake:
        return list(videos)
    balanced: list[Video] = []
    i = 0
    for video, label in zip(videos, labels, strict=True):
        num_copies = 1
        if label == REAL:
            num_copies = (i + 1) * num_fake // num_real - i * num_fake // num_real
            i += 1
        balanced.extend([video] * num_copies)
    return balanced
