"""Splits by person: no person may be in two splits.

Datasets without a validation split get one here, since models are chosen on validation
data and never on test data. The choice is deterministic on every machine.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mmdeepfake.errors import DataError
from mmdeepfake.files.bounded_reading import shorten_list

from .source_video import SourceVideo

logger = logging.getLogger('mmdeepfake.prepare')


def refuse_shared_identities(
    identities_by_split: Mapping[str, Iterable[str]], *, where: str
) -> None:
    """Raise a `DataError` that counts and names identities found in two splits."""
    first_split: dict[str, str] = {}
    shared: list[str] = []
    for split, identities in identities_by_split.items():
        for identity in sorted(set(identities)):
            if identity in first_split:
                shared.append(f'{identity!r} in {first_split[identity]} and {split}')
            first_split.setdefault(identity, split)
    if shared:
        raise DataError(
            f'{where}: {len(shared)} identities are in two splits: '
            f'{shorten_list(shared)}. Put all videos of a person into one split'
        )


def is_held_out(name: str, *, one_in: int) -> bool:
    """Return whether a name is in the validation part, about one in `one_in`.

    That is, whether the SHA-256 of the name, as an integer, is divisible by `one_in`.
    It depends on the name alone, so a partial download has the splits of the full one.
    """
    return int(_digest(name), 16) % one_in == 0


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()


def choose_people(
    people_of_videos: Iterable[Sequence[str]], *, one_in: int = 8
) -> frozenset[str]:
    """Choose the people who are held out for validation.

    People linked by fakes, directly or through others, form a group. Groups are added
    in the order of the SHA-256 of their first name while the people chosen are at most
    one in `one_in` of all, rounded up; larger groups are skipped. Whole groups lose no
    video. If no group is small enough, single people are chosen by `is_held_out`.
    """
    group_of: dict[str, set[str]] = {}
    for people in people_of_videos:
        merged = set(people).union(*(group_of.get(name, ()) for name in people))
        for name in merged:
            group_of[name] = merged
    groups = {min(group): group for group in group_of.values()}
    room = -(-len(group_of) // one_in)
    chosen: set[str] = set()
    for name in sorted(groups, key=_digest):
        if len(groups[name]) <= room - len(chosen):
            chosen |= groups[name]
    if not chosen:
        chosen = {name for name in group_of if is_held_out(name, one_in=one_in)}
    return frozenset(chosen)


def hold_out_people(
    videos: Iterable[SourceVideo], people: Iterable[str], *, dataset: str
) -> list[SourceVideo]:
    """Move the training videos of some people to validation.

    A training video that shows one of them together with another person fits neither
    split: it is skipped, and a warning counts such videos.
    """
    people = set(people)
    kept: list[SourceVideo] = []
    num_mixed = 0
    for video in videos:
        shown = set(video.identities)
        if video.split != 'train' or not shown & people:
            kept.append(video)
        elif shown <= people:
            kept.append(replace(video, split='val'))
        else:
            num_mixed += 1
    if num_mixed:
        logger.warning(
            '%s: skipped %d training fakes that mix a person of the validation split '
            'with one of the training split',
            dataset,
            num_mixed,
        )
    return kept
