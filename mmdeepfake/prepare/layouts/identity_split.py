"""No person may be seen in two splits: a network would be tested on faces it learnt."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from mmdeepfake.structures import DataError


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
    digest = hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()
    return int(digest, 16) % one_in == 0
