"""Choose the snippets that cover a face, and group those that are scored together.

A face is cut into windows of about equal length, a window into as many segments as
snippets are needed to skip no frame, and each snippet is in the middle of its segment
(`sample_starts`, as at test). A model sees S snippets at once, which may attend to one
another; so a group is spread over its window, as a test is spread over the video:

    a window of 6 snippets, S = 3:    A B A B A B    groups A and B

A face of at most S adjacent snippets is one group, the same as at test.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.datasets.transforms.sampling import sample_starts, segment_borders

from .config_pipeline import Sampling

TEST_WINDOW = -1  # of the snippets of the config's test, which span all windows


@dataclass(frozen=True, eq=False)
class SnippetGroup:
    """S snippets that the model sees at once.

    Attributes:
        frame_indices: (S*T,) frames of the face, counted from its first; T innermost.
        window: its index, or `TEST_WINDOW`.
        is_test: whether the config's test takes these frames.
    """

    frame_indices: NDArray[np.int64]
    window: int
    is_test: bool = False


@dataclass(frozen=True, eq=False)
class SnippetPlan:
    """All snippets of one face.

    Attributes:
        borders: (W + 1,) window i has the frames borders[i] .. borders[i + 1] - 1.
        groups: ordered by window.
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
        num_frames: of the face; if shorter than a snippet, only `test_indices`, which
            follow the config's rule for short videos, are used.
        sampling: of the config.
        test_indices: (S*T,) frames of the config's test.
        step_frames: approximate maximum distance between the starts of two snippets;
            the snippet's span skips no frame.
        window_frames: approximate length of the equal windows.
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
    """Return the frames (S*T,) of each group of a window."""
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
