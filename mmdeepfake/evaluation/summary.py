"""The figures of a test set: a row per manipulation, their mean, and all videos pooled.

All are at video level, see `resampled_figures`. Intervals come from a percentile
bootstrap over videos, stratified by class and manipulation, and, where the persons are
known, from one over groups of persons (see `aggregation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .resampled_figures import FIGURES

CONFIDENCE = 0.95
NO_FACE_SCORE = 0.5  # undecided; ours
MEAN_LOGITS_RULE = 'softmax of the mean logits over snippets'
MIN_GROUPS = 10  # with fewer groups of persons the interval means little

Intervals = Mapping[str, tuple[float, float]]
# Rows of manipulations log these alone; the record has all.
_LOGGED_BY_ROW = ('acc', 'auc', 'eer', 'ap')
_INTERVALS = ('intervals', 'identity_intervals')
_NO_INTERVAL = (float('nan'), float('nan'))


@dataclass(frozen=True)
class RowResult:
    """The figures of one row (see `resampled_figures`); nan where a class is absent.

    Attributes:
        name: manipulation, 'macro' or 'all'.
        num_real: real videos in the row.
        num_fake: fake videos in the row.
        intervals: (low, high) by figure, over videos; without nan ones, and empty if a
            class has a single video, since resampling it shows no spread.
        identity_intervals: the same over groups of persons.
    """

    name: str
    num_real: int
    num_fake: int
    acc: float
    auc: float
    eer: float
    ap: float
    tpr_at_1: float
    tpr_at_01: float
    brier: float
    ece: float
    intervals: Intervals = field(default_factory=dict)
    identity_intervals: Intervals = field(default_factory=dict)

    @property
    def auc_low(self) -> float:
        """Lower end of the interval of the AUC over videos; may be nan."""
        return self.intervals.get('auc', _NO_INTERVAL)[0]

    @property
    def auc_high(self) -> float:
        """Upper end of the same interval."""
        return self.intervals.get('auc', _NO_INTERVAL)[1]


@dataclass(frozen=True)
class Summary:
    """The figures of a test set and what they rest on.

    Attributes:
        methods: one row per manipulation, its fakes against all reals of its dataset.
        macro: unweighted mean of these rows; nan if one of them is.
        overall: all videos pooled.
        threshold: score from which a video is called fake in `acc`.
        num_resamples: bootstrap resamples behind each interval.
        seed: of the bootstrap.
        score_rule: how the video score follows from the snippets.
        num_no_face: videos counted in which no face was found.
        num_failed: videos counted whose preparation failed.
        no_face_score: score of both kinds, which the model has not seen.
        num_groups: groups of videos that share no person; 0 if unknown.
        left_out: kind of problem -> number of videos not counted for it.
    """

    methods: tuple[RowResult, ...]
    macro: RowResult
    overall: RowResult
    threshold: float
    num_resamples: int
    seed: int
    score_rule: str
    num_no_face: int = 0
    num_failed: int = 0
    no_face_score: float = NO_FACE_SCORE
    num_groups: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def num_videos(self) -> int:
        """Videos that the figures rest on."""
        return self.overall.num_real + self.overall.num_fake

    @property
    def coverage(self) -> float:
        """Their share of all videos of the set."""
        return self.num_videos / (self.num_videos + sum(self.left_out.values()))

    @property
    def rows(self) -> tuple[RowResult, ...]:
        """The table's rows; macro only if there are several manipulations."""
        macro = (self.macro,) if len(self.methods) > 1 else ()
        return (*self.methods, *macro, self.overall)

    def scalars(self) -> dict[str, float]:
        """Return figures for a log: 'auc' over all, 'METHOD/auc', 'macro/auc' ..."""
        overall = {
            name: getattr(self.overall, name)
            for name in (*FIGURES, 'auc_low', 'auc_high')
        }
        by_row = {
            f'{row.name}/{name}': getattr(row, name)
            for row in (*self.methods, self.macro)
            for name in _LOGGED_BY_ROW
        }
        num_real, num_fake = self.overall.num_real, self.overall.num_fake
        return {
            **overall,
            **by_row,
            # MMEngine's log of a test turns integers into null.
            'num_videos': float(num_real + num_fake),
            'num_real': float(num_real),
            'num_fake': float(num_fake),
            'num_no_face': float(self.num_no_face),
            'num_failed': float(self.num_failed),
            'num_left_out': float(sum(self.left_out.values())),
            'coverage': self.coverage,
        }

    def notes(self) -> list[str]:
        """Return the sentences that belong below the table."""
        num_real, num_fake = self.overall.num_real, self.overall.num_fake
        notes = [
            f'Level: video. {num_real + num_fake} videos ({num_real} real, '
            f'{num_fake} fake). Video score: {self.score_rule}.',
            f'ACC: fake at P(fake) >= {self.threshold:g}. EER: FPR = 1 - TPR on the '
            'interpolated ROC curve. AP: fakes are the positives.',
            f'Interval: {CONFIDENCE:.0%} percentile bootstrap over videos, '
            f'{self.num_resamples} resamples, stratified by class and manipulation, '
            f'seed {self.seed}.',
        ]
        if self.num_no_face or self.num_failed:
            verdict = 'fake' if self.no_face_score >= self.threshold else 'real'
            notes.append(
                f'Of these, no face was found in {self.num_no_face} and preparation '
                f'failed for {self.num_failed}: without the model they score '
                f'{self.no_face_score:g}, which ACC counts as {verdict}.'
            )
        if self.left_out:
            notes.append(self.describe_coverage())
        if self.num_groups:
            enough = self.num_groups >= MIN_GROUPS
            notes.append(
                f'The videos form {self.num_groups} groups that share no person. '
                + (
                    'Intervals over groups are in the record.'
                    if enough
                    else f'Below {MIN_GROUPS}, there are no intervals over groups.'
                )
            )
        if len(self.methods) > 1:
            notes.append(
                'macro: mean of the manipulations, each against all reals of its '
                'dataset and compression. all: every video pooled.'
            )
        if any(row.auc_low == row.auc_high for row in self.rows):
            notes.append(
                'An interval of zero width means that all resamples rank alike, e.g. '
                'with perfect separation; it does not mean certainty.'
            )
        return notes + self.gaps()

    def describe_coverage(self) -> str:
        """Describe the share of the set that the figures cover."""
        num_left_out = sum(self.left_out.values())
        num_all = self.num_videos + num_left_out
        counts = ', '.join(f'{count} {kind}' for kind, count in self.left_out.items())
        return (
            f'Coverage: {self.coverage:.1%}. Of {num_all} videos the model could not '
            f'use {num_left_out} ({counts}): the figures are without them.'
        )

    def gaps(self) -> list[str]:
        """Name the rows without a ranking or an interval."""
        notes = []
        for fewest, missing, needed in (
            (0, 'AUC, EER, AP', 'both classes are needed'),
            (1, 'interval', 'two videos of each class are needed'),
        ):
            rows = [
                f'{row.name} ({row.num_real} real, {row.num_fake} fake)'
                for row in self.rows
                if min(row.num_real, row.num_fake) == fewest
            ]
            if rows:
                notes.append(f'No {missing} for {", ".join(rows)}: {needed}.')
        return notes

    def to_json(self) -> dict[str, Any]:
        """Return the content of `metrics.json`, null in place of nan."""
        return {
            'level': 'video',
            'num_videos': self.overall.num_real + self.overall.num_fake,
            'threshold': self.threshold,
            'score_rule': self.score_rule,
            'num_no_face': self.num_no_face,
            'num_failed': self.num_failed,
            'no_face_score': self.no_face_score,
            'num_groups': self.num_groups,
            'left_out': dict(self.left_out),
            'coverage': self.coverage,
            'interval': {
                'method': 'percentile bootstrap over videos, stratified by dataset, '
                'compression, class and manipulation',
                'confidence': CONFIDENCE,
                'num_resamples': self.num_resamples,
                'seed': self.seed,
            },
            'methods': [_without_nan(row) for row in self.methods],
            'macro': _without_nan(self.macro),
            'all': _without_nan(self.overall),
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Summary:
        """Read `to_json`; a missing or wrong field raises KeyError or TypeError."""
        return cls(
            methods=tuple(_with_nan(row) for row in record['methods']),
            macro=_with_nan(record['macro']),
            overall=_with_nan(record['all']),
            threshold=float(record['threshold']),
            num_resamples=int(record['interval']['num_resamples']),
            seed=int(record['interval']['seed']),
            score_rule=str(record['score_rule']),
            # Older records lack these.
            num_no_face=int(record.get('num_no_face', 0)),
            num_failed=int(record.get('num_failed', 0)),
            no_face_score=float(record.get('no_face_score', NO_FACE_SCORE)),
            num_groups=int(record.get('num_groups', 0)),
            left_out={
                str(kind): int(count)
                for kind, count in record.get('left_out', {}).items()
            },
        )


def _without_nan(row: RowResult) -> dict[str, Any]:
    return {k: None if v != v else v for k, v in asdict(row).items()}


def _with_nan(record: dict[str, Any]) -> RowResult:
    values: dict[str, Any] = {
        name: float('nan') if record[name] is None else float(record[name])
        for name in FIGURES
    }
    for kind in _INTERVALS:
        ends = record[kind].items()
        values[kind] = {name: (float(low), float(high)) for name, (low, high) in ends}
    return RowResult(
        str(record['name']), int(record['num_real']), int(record['num_fake']), **values
    )
