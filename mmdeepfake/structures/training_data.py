"""What a detector was trained on, as far as its verdicts depend on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

RENDERED, REAL_VIDEO = FOOTAGE = ('rendered', 'real video')
WITH_PSEUDO_FAKES, UNKNOWN = 'real video and pseudo-fakes', 'unknown'
KINDS = (*FOOTAGE, WITH_PSEUDO_FAKES, UNKNOWN)
# Of checkpoints' metadata and of facts about a model.
TRAINING_DATA = 'training_data'


@dataclass(frozen=True)
class TrainingData:
    """Kind and origin of training data.

    Attributes:
        kind: one of `KINDS`.
        sets: names of the datasets.
        num_persons: as the datasets name them; 0 if they do not.
    """

    kind: str = UNKNOWN
    sets: tuple[str, ...] = ()
    num_persons: int = 0

    @classmethod
    def read(cls, values: Any) -> TrainingData:
        """Read `dataclasses.asdict` of one; None, in older files, is unknown data.

        Raises:
            ValueError: the values are others.
        """
        if values is None:
            return cls()
        try:
            found = cls(
                check_kind(values['kind']),
                tuple(map(str, values['sets'])),
                int(values['num_persons']),
            )
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(f'not a record of training data: {error!r}') from None
        return found

    @property
    def is_real_video(self) -> bool:
        """Whether real footage was trained on, so that verdicts on it may hold."""
        return self.kind in (REAL_VIDEO, WITH_PSEUDO_FAKES)

    def __str__(self) -> str:
        """Return words such as 'rendered heads (MiniFF, 24 persons)'."""
        kind = {RENDERED: 'rendered heads', UNKNOWN: 'unknown data'}
        facts = list(self.sets)
        if self.num_persons:
            persons = 'person' if self.num_persons == 1 else 'persons'
            facts.append(f'{self.num_persons} {persons}')
        return kind.get(self.kind, self.kind) + (f' ({", ".join(facts)})' * bool(facts))


def check_kind(kind: object) -> str:
    """Return the kind if it is one of `KINDS`."""
    if kind not in KINDS:
        raise ValueError(
            f'kind of training data {str(kind)[:60]!r}; allowed: {", ".join(KINDS)}'
        )
    return str(kind)


def name_kind(footage: Iterable[str | None], *, with_pseudo_fakes: bool) -> str:
    """Return the kind of data whose datasets state this footage.

    Unknown if one states none, or if they differ.
    """
    found = set(footage)
    if found == {REAL_VIDEO}:
        return WITH_PSEUDO_FAKES if with_pseudo_fakes else REAL_VIDEO
    return RENDERED if found == {RENDERED} else UNKNOWN
