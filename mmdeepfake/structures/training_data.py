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
VALIDATION, TEST = 'validation', 'test'


@dataclass(frozen=True)
class KnownFigure:
    """The AUC of a model over all videos of one split, which it was not trained on.

    Attributes:
        split: `VALIDATION`, on which its checkpoint was chosen, or `TEST`.
        auc: as a fraction.
        low: lower end of its 95% interval; None if it has none.
        high: the upper end.
        num_videos: of the split.
        sets: names of the datasets.
    """

    split: str
    auc: float
    low: float | None
    high: float | None
    num_videos: int
    sets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ends = (self.auc, self.low or 0, self.high or 0)
        is_share = all(0 <= value <= 1 for value in ends)
        if not is_share or self.split not in (VALIDATION, TEST) or self.num_videos < 1:
            raise ValueError(f'not a figure: {self}')

    @classmethod
    def read(cls, values: Any) -> KnownFigure:
        """Read `dataclasses.asdict` of one."""
        low, high = (
            None if values[k] is None else float(values[k]) for k in ('low', 'high')
        )
        return cls(
            str(values['split']),
            float(values['auc']),
            low,
            high,
            int(values['num_videos']),
            tuple(map(str, values['sets'])),
        )

    def __str__(self) -> str:
        """Return words such as 'AUC 98.4% [95.0, 99.6] on 32 test videos of MiniFF'."""
        ends = ''
        if self.low is not None and self.high is not None:
            ends = f' [{100 * self.low:.1f}, {100 * self.high:.1f}]'
        sets = f' of {" and ".join(self.sets)}' if self.sets else ''
        where = f'{self.num_videos} {self.split} videos{sets}'
        return f'AUC {100 * self.auc:.1f}%{ends} on {where}'


@dataclass(frozen=True)
class TrainingData:
    """Kind and origin of training data, and how well the model was seen to do.

    Attributes:
        kind: one of `KINDS`.
        sets: names of the datasets.
        num_persons: as the datasets name them; 0 if they do not.
        figure: the best known one; None if there is none.
    """

    kind: str = UNKNOWN
    sets: tuple[str, ...] = ()
    num_persons: int = 0
    figure: KnownFigure | None = None

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
                # Older files have none.
                KnownFigure.read(figure) if (figure := values.get('figure')) else None,
            )
        except (AttributeError, KeyError, TypeError, OverflowError) as error:
            raise ValueError(f'not a record of training data: {error!r}') from None
        return found

    @property
    def is_real_video(self) -> bool:
        """Whether real footage was trained on, so that verdicts on it may hold."""
        return self.kind in (REAL_VIDEO, WITH_PSEUDO_FAKES)

    def __str__(self) -> str:
        """Return words such as 'rendered heads (MiniFF, 24 persons; AUC ...)'."""
        kind = {RENDERED: 'rendered heads', UNKNOWN: 'unknown data'}
        facts = list(self.sets)
        if self.num_persons:
            persons = 'person' if self.num_persons == 1 else 'persons'
            facts.append(f'{self.num_persons} {persons}')
        known = [', '.join(facts)] * bool(facts)
        known += [str(self.figure)] * (self.figure is not None)
        return kind.get(self.kind, self.kind) + (f' ({"; ".join(known)})' * bool(known))


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
