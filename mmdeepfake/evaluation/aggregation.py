"""Table rows, and the bootstrap over videos behind their intervals.

A stratum is all videos of one (dataset, compression, label, method). The bootstrap
draws with replacement within each stratum: the benchmark fixes how many real and fake
videos of each manipulation there are, only their choice is random. All rows share the
resamples, so a difference or a mean of rows has an interval too.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.intp]

# About 2 MB of counts a chunk: Python's overhead is small, and the cache holds it.
_COUNTS_PER_CHUNK = 1 << 18


class Stratum(NamedTuple):
    """What the videos of one stratum share."""

    dataset: str
    compression: str
    label: int
    method: str


class Row(NamedTuple):
    """One row of the table: a name and the indices (M,) of its videos."""

    name: str
    members: Integers


def group_by_method(strata: Sequence[Stratum]) -> list[Row]:
    """Return a row for each manipulation: its fakes and all reals of its dataset.

    The reals have the same compression. With several datasets or compressions, rows are
    named 'dataset/compression/method' in place of 'method'.

    Args:
        strata: (N,) the stratum of each video.
    """
    fakes = sorted({s for s in strata if s.label == 1})
    sources = {(s.dataset, s.compression) for s in strata}
    rows = []
    for fake in fakes:
        source = (fake.dataset, fake.compression)
        members = [
            index
            for index, s in enumerate(strata)
            if s == fake or (s.label == 0 and (s.dataset, s.compression) == source)
        ]
        name = '/'.join(filter(None, source)) + '/' if len(sources) > 1 else ''
        rows.append(Row(name + fake.method, np.array(members, dtype=np.intp)))
    return rows


def resample_within_strata(
    strata: Sequence[Stratum], *, num_resamples: int, seed: int
) -> Iterator[NDArray[np.int64]]:
    """Draw bootstrap resamples of the videos, in chunks.

    Each stratum has a generator seeded by its name: its draws do not depend on the
    other strata.

    Args:
        strata: (N,) the stratum of each video.
        num_resamples: R, over all chunks.
        seed: of the draws.

    Yields:
        (r, N) how often each video is in each resample; r sums to R over the chunks.
    """
    members: dict[Stratum, list[int]] = {}
    for index, stratum in enumerate(strata):
        members.setdefault(stratum, []).append(index)
    generators = {
        stratum: np.random.default_rng([seed, zlib.crc32(repr(stratum).encode())])
        for stratum in members
    }
    for r in _split_resamples(num_resamples, len(strata)):
        counts = np.empty((r, len(strata)), dtype=np.int64)
        for stratum, indices in members.items():
            counts[:, indices] = _count_draws(generators[stratum], r, len(indices))
        yield counts


def group_by_identity(identities: Sequence[Sequence[str]]) -> Integers | None:
    """Group the videos that share a person, directly or through other videos.

    Args:
        identities: (N,) the persons of each video, distinct between datasets.

    Returns:
        (N,) the group of each video, from 0; None if any video has no known person.
    """
    group_of: dict[str, str] = {}

    def find(person: str) -> str:
        while group_of.setdefault(person, person) != person:
            person = group_of[person]
        return person

    for persons in identities:
        if not persons:
            return None
        for person in persons:
            group_of[find(person)] = find(persons[0])
    numbers: dict[str, int] = {}
    return np.array(
        [numbers.setdefault(find(p[0]), len(numbers)) for p in identities], np.intp
    )


def resample_groups(
    groups: Integers, *, num_resamples: int, seed: int
) -> Iterator[NDArray[np.int64]]:
    """Draw bootstrap resamples of whole groups of videos, in chunks.

    Videos of one person are alike, so intervals over single videos are too narrow.

    Args:
        groups: (N,) the group of each video, from `group_by_identity`.
        num_resamples: R, over all chunks.
        seed: of the draws.

    Yields:
        (r, N) how often each video is in each resample; r sums to R over the chunks.
    """
    generator = np.random.default_rng([seed, 1])
    num_groups = int(groups.max()) + 1
    for r in _split_resamples(num_resamples, len(groups)):
        yield _count_draws(generator, r, num_groups)[:, groups]


def percentile_interval(
    values: NDArray[np.float64], *, confidence: float = 0.95
) -> tuple[float, float]:
    """Return (low, high) of the middle `confidence` of (R,) resampled values.

    Both are nan if there are no values or any of them is nan.
    """
    if not len(values) or np.isnan(values).any():
        return float('nan'), float('nan')
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, (tail, 1 - tail))
    return float(low), float(high)


def _split_resamples(num_resamples: int, num_videos: int) -> Iterator[int]:
    """Yield the number of resamples of each chunk."""
    chunk = max(1, _COUNTS_PER_CHUNK // max(1, num_videos))
    for start in range(0, num_resamples, chunk):
        yield min(chunk, num_resamples - start)


def _count_draws(
    generator: np.random.Generator, num_resamples: int, num_videos: int
) -> NDArray[np.int64]:
    """Count draws of N of N videos with replacement: (num_resamples, num_videos)."""
    draws = generator.integers(num_videos, size=(num_resamples, num_videos))
    draws += num_videos * np.arange(num_resamples)[:, None]
    counts = np.bincount(draws.ravel(), minlength=num_resamples * num_videos)
    return counts.reshape(num_resamples, num_videos)
