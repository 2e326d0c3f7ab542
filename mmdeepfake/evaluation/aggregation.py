"""From videos to table rows, and the bootstrap over videos behind the intervals.

A stratum is all videos of one (dataset, compression, label, method). The bootstrap
draws videos with replacement inside each stratum, so every resample has the real and
fake videos, and the videos of each manipulation, in the numbers of the test set: a
benchmark fixes these numbers by design, only which videos stand for them is chance.
All rows are taken from the same resamples, so a difference or a mean of rows has an
interval too, although the rows share their reals.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.intp]

# Counts of about 2 MB a chunk: large enough to hide Python's cost per chunk, small
# enough for the cache.
_COUNTS_PER_CHUNK = 1 << 18


class Stratum(NamedTuple):
    """What the videos of one stratum have in common."""

    dataset: str
    compression: str
    label: int
    method: str


class Row(NamedTuple):
    """One row of the table: a name and the indices (M,) of its videos."""

    name: str
    members: Integers


def group_by_method(strata: Sequence[Stratum]) -> list[Row]:
    """Give each manipulation a row: its fakes against all reals of its own data.

    "Its own data" is the same dataset and compression. With more than one of those,
    rows are named 'dataset/compression/method' in place of 'method'.

    Args:
        strata: (N,) the stratum of each video.

    Returns:
        Rows in the order of dataset, compression and method.
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

    Each stratum draws from a generator seeded by its own name: what other strata are
    in the file does not change its draws.

    Args:
        strata: (N,) the stratum of each video.
        num_resamples: R, over all chunks.
        seed: same seed, same videos in the same order: same resamples.

    Yields:
        (r, N) how often each resample holds each video; the r of all chunks sum to R.
    """
    members: dict[Stratum, list[int]] = {}
    for index, stratum in enumerate(strata):
        members.setdefault(stratum, []).append(index)
    generators = {
        stratum: np.random.default_rng([seed, zlib.crc32(repr(stratum).encode())])
        for stratum in members
    }
    chunk = max(1, _COUNTS_PER_CHUNK // max(1, len(strata)))
    for start in range(0, num_resamples, chunk):
        r = min(chunk, num_resamples - start)
        counts = np.empty((r, len(strata)), dtype=np.int64)
        for stratum, indices in members.items():
            counts[:, indices] = _count_draws(generators[stratum], r, len(indices))
        yield counts


def group_by_identity(identities: Sequence[Sequence[str]]) -> Integers | None:
    """Put videos that share a person, directly or through others, into one group.

    Args:
        identities: (N,) the persons of each video, told apart between datasets.

    Returns:
        (N,) the group of each video, counted from 0; None where a person is not known
        of some video.
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

    Videos of one person are alike, so drawing videos one by one promises more than
    there is to know; drawing persons does not.

    Args:
        groups: (N,) the group of each video, from `group_by_identity`.
        num_resamples: R, over all chunks.
        seed: of the draws.

    Yields:
        (r, N) how often each resample holds each video; the r of all chunks sum to R.
    """
    generator = np.random.default_rng([seed, 1])
    num_groups = int(groups.max()) + 1
    chunk = max(1, _COUNTS_PER_CHUNK // len(groups))
    for start in range(0, num_resamples, chunk):
        r = min(chunk, num_resamples - start)
        yield _count_draws(generator, r, num_groups)[:, groups]


def percentile_interval(
    values: NDArray[np.float64], *, confidence: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval: the middle `confidence` of (R,) resampled values.

    Returns:
        (low, high); nan if there are no values or any of them is nan.
    """
    if not len(values) or np.isnan(values).any():
        return float('nan'), float('nan')
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, (tail, 1 - tail))
    return float(low), float(high)


def _count_draws(
    generator: np.random.Generator, num_resamples: int, num_videos: int
) -> NDArray[np.int64]:
    """Draw `num_videos` of as many, with replacement; (num_resamples, num_videos)."""
    draws = generator.integers(num_videos, size=(num_resamples, num_videos))
    draws += num_videos * np.arange(num_resamples)[:, None]
    counts = np.bincount(draws.ravel(), minlength=num_resamples * num_videos)
    return counts.reshape(num_resamples, num_videos)
