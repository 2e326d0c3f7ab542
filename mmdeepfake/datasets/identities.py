"""Which persons each split of a manifest shows, and whether that is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mmengine.logging import MMLogger

from mmdeepfake.layouts import refuse_shared_identities
from mmdeepfake.structures import VideoRecord


def identities_by_split(records: Iterable[VideoRecord]) -> dict[str, set[str]]:
    """Collect the identities of each split, told apart by dataset."""
    found: dict[str, set[str]] = {}
    for record in records:
        names = (f'{record.key.dataset}/{name}' for name in record.identities)
        found.setdefault(record.split, set()).update(names)
    return found


def check_identities(
    records: Sequence[VideoRecord], *, where: str, test_shows_known_persons: bool
) -> None:
    """Refuse a person in two splits; or, if so told, let test show persons of others.

    How many persons of the test split the others show is logged then. Training and
    validation may never share one.
    """
    found = identities_by_split(records)
    if not test_shows_known_persons:
        refuse_shared_identities(found, where=where)
        return
    tested = found.pop('test', set())
    refuse_shared_identities(found, where=where)
    shared = tested & set().union(*found.values())
    MMLogger.get_current_instance().info(
        f'{where}: {len(shared)} of the {len(tested)} persons of the test split are in '
        'the others too, as the config says they may (test_shows_known_persons)'
    )
