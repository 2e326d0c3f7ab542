"""No person may be seen in two splits: a network would be tested on faces it learnt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mmdeepfake.structures import DataError, VideoRecord


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


def identities_by_split(records: Iterable[VideoRecord]) -> dict[str, set[str]]:
    """Collect the identities of each split, told apart by dataset."""
    found: dict[str, set[str]] = {}
    for record in records:
        names = (f'{record.key.dataset}/{name}' for name in record.identities)
        found.setdefault(record.split, set()).update(names)
    return found
