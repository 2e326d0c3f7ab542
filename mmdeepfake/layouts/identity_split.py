"""No person may be seen in two splits: a network would be tested on faces it learnt.

Sets without a validation part of their own get one here, since models are chosen on
validation and never on the test part. The same videos are drawn on every machine.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mmdeepfake.errors import DataError

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
            f'{where}: {len(shared)} identities are in two splits, none may be: '
            f'{", ".join(shared[:5])}{", ..." if len(shared) > 5 else ""}. Put all '
            'videos of a person into one split'
        )


def is_held_out(name: str, *, one_in: int) -> bool:
    """Draw about one in `one_in` names for validation, the same ones for ever.

    SHA-256 of the name, read as a whole number, divides by `one_in`: it depends on the
    name alone, so a part of a download gets the splits that the whole of it gets.
    """
    return int(_digest(name), 16) % one_in == 0


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()


def choose_people(
    people_of_videos: Iterable[Sequence[str]], *, one_in: int = 8
) -> frozenset[str]:
    """Choose the people who are held out for validation.

    People who are seen in one fake, directly or by way of others, form a group. Groups
    are taken in the order of the SHA-256 of their first name, as long as the people
    taken are at most one in `one_in` of all, rounded up; larger groups are passed over.
    Whole groups lose no video. Only where no group is small enough, people are drawn
    one by one by `is_held_out`.
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

    A training video that shows one of them together with somebody else fits neither
    side: it is left out, and a warning counts such videos.
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
            '%s: %d training fakes show one person of the validation part and one of '
            'the training part; they are left out of both',
            dataset,
            num_mixed,
        )
    return kept
