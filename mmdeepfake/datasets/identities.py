"""Which persons each split of a manifest shows."""

from __future__ import annotations

from collections.abc import Iterable

from mmdeepfake.prepare.layouts import refuse_shared_identities
from mmdeepfake.structures import VideoRecord

__all__ = ['identities_by_split', 'refuse_shared_identities']


def identities_by_split(records: Iterable[VideoRecord]) -> dict[str, set[str]]:
    """Collect the identities of each split, told apart by dataset."""
    found: dict[str, set[str]] = {}
    for record in records:
        names = (f'{record.key.dataset}/{name}' for name in record.identities)
        found.setdefault(record.split, set()).update(names)
    return found
