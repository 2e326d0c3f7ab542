"""Which snippets cover a face from its first frame to its last, and which meet.

A face is cut into windows of about equal length, a window into as many segments as it
takes snippets to leave no frame out, and each snippet lies in the middle of its segment
(`sample_starts`, as at test). A model sees S snippets at once, and lets them attend to
one another; so those that meet are spread over the window, as those of a test are
spread over the video:

    a window of 6 snippets, S = 3:    A B A B A B    groups A and B

A face no longer than S snippets side by side is one group, the same as at test.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.datasets.transforms.sampling import sample_starts, segment_borders

from .config_pipeline import Sampling

TEST_WINDOW = -1  # of the snippets that the config tests, which lie in all windows


@dataclass(frozen=True, eq=False)
class SnippetGroup:
    """S snippets that the model sees at once.

    Attributes:
        frame_indices: (S*T,) frames of the face, counted from its first; T innermost.
        window: which window they are of, or `TEST_WINDOW`.
        is_test: whether they are what the config's test takes.
    """

    frame_indices: NDArray[np.int64]
    window: int
    is_test: bool = False


@dataclass(frozen=True, eq=False)
class SnippetPlan:
    """All snippets of one face.

    Attributes:
        borders: (W + 1,) window i has the frames borders[i] .. borders[i + 1] - 1.
        groups: those of a window come in a row.
    """

    borders: NDArray[np.int64]
    groups: tuple[SnippetGroup, ...]


def plan_snippets(
    num_frames: int,
    sampling: Sampling,
    test_indices: NDArray[np.int64],
    *,
    step_frames: int,
    window_frames: int,
) -> SnippetPlan:
    """Plan the snippets of a face.

    Args:
        num_frames: of the face; where they are fewer than a snippet's, what the
            config's own rule for short videos gives is all there is.
        sampling: of the config.
        test_indices: (S*T,) what the config's test takes.
        step_frames: largest distance between the starts of two snippets, about; the
            snippet's span leaves no frame out.
        window_frames: length of a window, about: a face is cut into equal ones.
    """
    if num_frames < sampling.span:
        return SnippetPlan(
            np.array([0, num_frames]), (SnippetGroup(test_indices, 0, is_test=True),)
        )
    num_windows = max(1, round(num_frames / max(window_frames, sampling.span)))
    num_windows = min(num_windows, num_frames // sampling.span)
    borders = segment_borders(num_frames, num_segments=num_windows)
    groups: list[SnippetGroup] = []
    for window, (low, high) in enumerate(itertools.pairwise(borders)):
        for indices in _cover_window(int(low), int(high), sampling, step_frames):
            is_test = np.array_equal(indices, test_indices)
            groups.append(SnippetGroup(indices, window, is_test))
    if not any(group.is_test for group in groups):
        groups.append(SnippetGroup(test_indices, TEST_WINDOW, is_test=True))
    return SnippetPlan(borders, tuple(groups))


def _cover_window(
    low: int, high: int, sampling: Sampling, step_frames: int
) -> list[NDArray[np.int64]]:
    """Give the frames (S*T,) of each group of a window."""
    size = sampling.num_snippets
    num_groups = max(1, -(-(high - low) // (step_frames * size)))
    starts = low + sample_starts(
        high - low, num_snippets=num_groups * size, span=sampling.span, centred=True
    )
    offsets = np.arange(sampling.clip_len, dtype=np.int64) * sampling.stride_frames
    return [
        (starts[which::num_groups, None] + offsets).reshape(-1)
        for which in range(num_groups)
    ]
