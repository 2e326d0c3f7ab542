"""All figures of a test set: a row per manipulation, their mean, and all videos pooled.

Every figure is at video level. `acc` calls a video fake at score >= threshold; `auc`
counts ties one half; `eer` is read off the linearly interpolated ROC curve; `ap` has
fakes as positives; `tpr_at_1` and `tpr_at_01` are the share of fakes found while at
most 1% and 0.1% of reals are called fake (see `ranking`); `brier` and `ece` ask whether
scores are probabilities (see `calibration`). Intervals come from a percentile bootstrap
over videos, stratified by class and manipulation, and, where it is known who is in
them, from one over groups of persons (see `aggregation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .resampled_figures import FIGURES

CONFIDENCE = 0.95
NO_FACE_SCORE = 0.5  # undecided; ours, as in other work on these datasets
MEAN_LOGITS_RULE = 'softmax of the mean logits over snippets'
MIN_GROUPS = 10  # fewer groups of persons show no spread that could be trusted

Intervals = Mapping[str, tuple[float, float]]
# Of single rows a log holds the main figures; the record holds them all.
_LOGGED_BY_ROW = ('acc', 'auc', 'eer', 'ap')
_INTERVALS = ('intervals', 'identity_intervals')
_NO_INTERVAL = (float('nan'), float('nan'))


@dataclass(frozen=True)
class RowResult:
    """The figures of one row; nan where a class is absent.

    Attributes:
        name: manipulation, 'macro' or 'all'.
        num_real: real videos in the row.
        num_fake: fake videos in the row.
        acc: accuracy.
        auc: area under the ROC curve.
        eer: equal error rate.
        ap: average precision.
        tpr_at_1: true positive rate at a false positive rate of 1%.
        tpr_at_01: at 0.1%.
        brier: Brier score.
        ece: expected calibration error of P(fake).
        intervals: (low, high) of each figure, over videos. Figures without one are not
            in it: nan ones, and all of them where a class has one video only, since
            resampling one video shows no spread.
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
        """Lower end of the interval of the AUC over videos, or nan."""
        return self.intervals.get('auc', _NO_INTERVAL)[0]

    @property
    def auc_high(self) -> float:
        """Upper end of it."""
        return self.intervals.get('auc', _NO_INTERVAL)[1]


@dataclass(frozen=True)
class Summary:
    """The figures of a test set and what they rest on.

    Attributes:
        methods: one row per manipulation, its fakes against all reals of its data.
        macro: unweighted mean of these rows; nan as soon as one of them is.
        overall: all videos pooled.
        threshold: score from which a video is called fake in `acc`.
        num_resamples: bootstrap resamples behind each interval.
        seed: of the bootstrap.
        score_rule: how snippets became a video score.
        num_no_face: videos, among those counted, in which no face was found.
        num_failed: videos, among those counted, that could not be prepared.
        no_face_score: what both kinds were given for a score, unseen by the model.
        num_groups: groups of videos that share persons; 0 where that is not known.
        left_out: kind of problem -> how many videos the model could not use for it;
            they are not among those counted.
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
        """The table's rows; a mean of fewer than two rows is left out."""
        macro = (self.macro,) if len(self.methods) > 1 else ()
        return (*self.methods, *macro, self.overall)

    def scalars(self) -> dict[str, float]:
        """Flat figures for a log: 'auc' over all videos, 'METHOD/auc', 'macro/auc'."""
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
            # In floats, since MMEngine's log of a test turns integers into null.
            'num_videos': float(num_real + num_fake),
            'num_real': float(num_real),
            'num_fake': float(num_fake),
            'num_no_face': float(self.num_no_face),
            'num_failed': float(self.num_failed),
            'num_left_out': float(sum(self.left_out.values())),
            'coverage': self.coverage,
        }

    def notes(self) -> list[str]:
        """Sentences without which the figures cannot be read."""
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
                f'Among them are {self.num_no_face} videos in which no face was found '
                f'and {self.num_failed} that could not be prepared: the model saw none '
                f'of these, each has the score {self.no_face_score:g}, which ACC '
                f'counts as {verdict}.'
            )
        if self.left_out:
            notes.append(self.describe_coverage())
        if self.num_groups:
            enough = self.num_groups >= MIN_GROUPS
            notes.append(
                f'The videos make {self.num_groups} groups that share no person. '
                + (
                    'Intervals over groups are in the record as well.'
                    if enough
                    else f'Below {MIN_GROUPS}, intervals over groups are not given.'
                )
            )
        if len(self.methods) > 1:
            notes.append(
                'macro: mean of the manipulations; each is taken against all reals '
                'of its dataset and compression. all: every video pooled.'
            )
        if any(row.auc_low == row.auc_high for row in self.rows):
            notes.append(
                'An interval of no width means that every resample ranks alike, as '
                'with perfect separation; it does not mean certainty.'
            )
        return notes + self.gaps()

    def describe_coverage(self) -> str:
        """Say which share of the set the figures are those of."""
        num_left_out = sum(self.left_out.values())
        num_all = self.num_videos + num_left_out
        counts = ', '.join(f'{count} {kind}' for kind, count in self.left_out.items())
        return (
            f'Coverage: {self.coverage:.1%}. Of {num_all} videos the model could not '
            f'use {num_left_out} ({counts}): they are in no figure, so that these are '
            'not those of the whole set.'
        )

    def gaps(self) -> list[str]:
        """Which figures are nan, and why."""
        lacking = [
            f'{row.name} ({row.num_real} real, {row.num_fake} fake)'
            for row in self.rows
            if not min(row.num_real, row.num_fake)
        ]
        single = [
            f'{row.name} ({row.num_real} real, {row.num_fake} fake)'
            for row in self.rows
            if min(row.num_real, row.num_fake) == 1
        ]
        notes = []
        if lacking:
            notes.append(
                f'No AUC, EER, AP for {", ".join(lacking)}: both classes are needed.'
            )
        if single:
            notes.append(
                f'No interval for {", ".join(single)}: two videos of each class are '
                'needed.'
            )
        return notes

    def to_json(self) -> dict[str, Any]:
        """What `metrics.json` holds; nan becomes null, as JSON knows no nan."""
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
        """Read back `to_json`; a missing or odd field is a KeyError or TypeError."""
        return cls(
            methods=tuple(_with_nan(row) for row in record['methods']),
            macro=_with_nan(record['macro']),
            overall=_with_nan(record['all']),
            threshold=float(record['threshold']),
            num_resamples=int(record['interval']['num_resamples']),
            seed=int(record['interval']['seed']),
            score_rule=str(record['score_rule']),
            # Records from before these fields counted such videos nowhere.
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
    values = {
        f.name: record[f.name] for f in fields(RowResult) if f.name not in _INTERVALS
    }
    name, num_real, num_fake, *figures = values.values()
    return RowResult(
        str(name),
        int(num_real),
        int(num_fake),
        *(float('nan') if figure is None else float(figure) for figure in figures),
        **{
            kind: {
                k: (float(low), float(high)) for k, (low, high) in record[kind].items()
            }
            for kind in _INTERVALS
        },
    )
