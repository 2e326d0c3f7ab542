"""All figures of a test set: a row per manipulation, their mean, and all videos pooled.

Every figure is at video level. `acc` calls a video fake at score >= threshold; `auc`
counts ties one half; `eer` is read off the linearly interpolated ROC curve; `ap` has
fakes as positives (see `ranking`). Intervals belong to the AUC and come from a
percentile bootstrap over videos, stratified by class and manipulation (see
`aggregation`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

CONFIDENCE = 0.95
NO_FACE_SCORE = 0.5  # undecided; ours, as in other work on these datasets
MEAN_LOGITS_RULE = 'softmax of the mean logits over snippets'


@dataclass(frozen=True)
class RowResult:
    """The figures of one row; nan where a class is absent.

    Attributes:
        name: manipulation, 'macro' or 'all'.
        num_real: real videos in the row.
        num_fake: fake videos in the row.
        acc: accuracy.
        auc: area under the ROC curve.
        auc_low: lower end of its interval; nan also where a class has one video only,
            since resampling one video shows no spread.
        auc_high: upper end of its interval.
        eer: equal error rate.
        ap: average precision.
    """

    name: str
    num_real: int
    num_fake: int
    acc: float
    auc: float
    auc_low: float
    auc_high: float
    eer: float
    ap: float


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

    @property
    def rows(self) -> tuple[RowResult, ...]:
        """The table's rows; a mean of fewer than two rows is left out."""
        macro = (self.macro,) if len(self.methods) > 1 else ()
        return (*self.methods, *macro, self.overall)

    def scalars(self) -> dict[str, float]:
        """Flat figures for a log: 'auc' over all videos, 'METHOD/auc', 'macro/auc'."""
        overall = {
            name: getattr(self.overall, name)
            for name in ('acc', 'auc', 'auc_low', 'auc_high', 'eer', 'ap')
        }
        by_row = {
            f'{row.name}/{name}': getattr(row, name)
            for row in (*self.methods, self.macro)
            for name in ('acc', 'auc', 'eer', 'ap')
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
            'interval': {
                'figure': 'auc',
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
        )


def _without_nan(row: RowResult) -> dict[str, Any]:
    return {k: None if v != v else v for k, v in asdict(row).items()}


def _with_nan(record: dict[str, Any]) -> RowResult:
    name, num_real, num_fake, *figures = (record[f.name] for f in fields(RowResult))
    return RowResult(
        str(name),
        int(num_real),
        int(num_fake),
        *(float('nan') if figure is None else float(figure) for figure in figures),
    )
