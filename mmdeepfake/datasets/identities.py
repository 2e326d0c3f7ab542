"""Check of the persons in each split of a manifest."""

from __future__ import annotations

from collections.abc import Sequence

from mmdeepfake.layouts import refuse_shared_identities
from mmdeepfake.structures import VideoRecord


def check_identities(
    records: Sequence[VideoRecord], *, where: str, test_shows_known_persons: bool
) -> None:
    """Raise an error if two splits share a person.

    With `test_shows_known_persons`, the test split may share persons with the others;
    their number is logged. Training and validation may never share one.
    """
    found: dict[str, set[str]] = {}
    for record in records:
        names = (f'{record.key.dataset}/{name}' for name in record.identities)
        found.setdefault(record.split, set()).update(names)
    if not test_shows_known_persons:
        refuse_shared_identities(found, where=where)
        return
    from mmengine.logging import MMLogger

    tested = found.pop('test', set())
    refuse_shared_identities(found, where=where)
    shared = tested & set().union(*found.values())
    MMLogger.get_current_instance().info(
        f'{where}: {len(shared)} of the {len(tested)} persons in the test split are '
        'also in other splits (allowed by test_shows_known_persons)'
    )
