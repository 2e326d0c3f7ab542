"""All figures of a test set: a row per manipulation, their mean, and all videos pooled.

Every figure is at video level. `acc` calls a video fake at score >= threshold; `auc`
counts ties one half; `eer` is read off the linearly interpolated ROC curve; `ap` has
fakes as positives (see `ranking`). Intervals belong to the AUC and come from a
percentile bootstrap over videos, stratified by class and manipulation (see
`aggregation`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.evaluation.aggregation import (
    Row,
    Stratum,
    group_by_method,
    percentile_interval,
    resample_within_strata,
)
from mmdeepfake.evaluation.predictions import VideoPrediction, order_by_key
from mmdeepfake.evaluation.ranking import (
    accuracy,
    area_under_roc,
    area_under_roc_of_resamples,
    average_precision,
    equal_error_rate,
)
from mmdeepfake.structures import DataError

CONFIDENCE = 0.95
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
    """

    methods: tuple[RowResult, ...]
    macro: RowResult
    overall: RowResult
    threshold: float
    num_resamples: int
    seed: int
    score_rule: str

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
        )


def summarise(
    predictions: Sequence[VideoPrediction],
    *,
    threshold: float = 0.5,
    num_resamples: int = 2000,
    seed: int = 0,
    score_rule: str = MEAN_LOGITS_RULE,
) -> Summary:
    """Compute every figure of a test set from the scores of its videos.

    Args:
        predictions: one for each video, in any order.
        threshold: a video is called fake from this score on.
        num_resamples: bootstrap resamples; 0 gives no intervals.
        seed: of the bootstrap.
        score_rule: how snippets became a video score; stated, not computed.
    """
    if not predictions:
        raise DataError('no video was scored: there is nothing to evaluate')
    predictions = order_by_key(predictions)
    strata = [stratum_of(prediction) for prediction in predictions]
    labels = np.array([prediction.key.label for prediction in predictions])
    scores = np.array([prediction.fake_score for prediction in predictions])
    method_rows = group_by_method(strata)
    everything = Row('all', np.arange(len(predictions)))
    rows = [*method_rows, everything]

    aucs = np.concatenate(
        [
            np.stack([_resampled_auc(labels, scores, counts, row) for row in rows])
            for counts in resample_within_strata(
                strata, num_resamples=num_resamples, seed=seed
            )
        ]
        or [np.empty((len(rows), 0))],
        axis=1,
    )  # (rows, R)
    *methods, overall = (
        _evaluate_row(row, labels, scores, threshold, auc)
        for row, auc in zip(rows, aucs, strict=True)
    )
    macro = _average_rows(methods, overall, aucs[:-1])
    return Summary(
        tuple(methods), macro, overall, threshold, num_resamples, seed, score_rule
    )


def method_rows(
    predictions: Sequence[VideoPrediction],
) -> Iterator[tuple[str, list[VideoPrediction]]]:
    """Name and videos of each manipulation's row, as `summarise` forms them."""
    for row in group_by_method([stratum_of(prediction) for prediction in predictions]):
        yield row.name, [predictions[index] for index in row.members]


def stratum_of(prediction: VideoPrediction) -> Stratum:
    """Which videos the bootstrap may put in this one's place."""
    key = prediction.key
    return Stratum(key.dataset, key.compression, key.label, key.method)


def _resampled_auc(
    labels: NDArray[Any], scores: NDArray[Any], counts: NDArray[np.int64], row: Row
) -> NDArray[np.float64]:
    members = row.members
    return area_under_roc_of_resamples(
        labels[members], scores[members], counts[:, members]
    )


def _evaluate_row(
    row: Row,
    labels: NDArray[Any],
    scores: NDArray[Any],
    threshold: float,
    resampled_auc: NDArray[np.float64],
) -> RowResult:
    labels, scores = labels[row.members], scores[row.members]
    num_fake = int(labels.sum())
    num_real = len(labels) - num_fake
    low, high = float('nan'), float('nan')
    if min(num_real, num_fake) > 1:
        low, high = percentile_interval(resampled_auc, confidence=CONFIDENCE)
    return RowResult(
        name=row.name,
        num_real=num_real,
        num_fake=num_fake,
        acc=accuracy(labels, scores, threshold=threshold),
        auc=area_under_roc(labels, scores),
        auc_low=low,
        auc_high=high,
        eer=equal_error_rate(labels, scores),
        ap=average_precision(labels, scores),
    )


def _average_rows(
    methods: list[RowResult], overall: RowResult, resampled_auc: NDArray[np.float64]
) -> RowResult:
    """Mean over manipulations; its interval is that of the mean in each resample."""
    nan = float('nan')
    mean = {
        name: float(np.mean([getattr(row, name) for row in methods] or [nan]))
        for name in ('acc', 'auc', 'eer', 'ap')
    }
    low, high = nan, nan
    if methods and not any(np.isnan(row.auc_low) for row in methods):
        low, high = percentile_interval(
            resampled_auc.mean(axis=0), confidence=CONFIDENCE
        )
    return RowResult(
        name='macro',
        num_real=overall.num_real,
        num_fake=overall.num_fake,
        auc_low=low,
        auc_high=high,
        **mean,
    )


def _without_nan(row: RowResult) -> dict[str, Any]:
    return {k: None if v != v else v for k, v in asdict(row).items()}


def _with_nan(record: dict[str, Any]) -> RowResult:
    values = {field.name: record[field.name] for field in fields(RowResult)}
    return RowResult(**{k: float('nan') if v is None else v for k, v in values.items()})
