"""Computes the figures of a test set: one row per manipulation, their mean, and all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from mmdeepfake.evaluation.summary import (
    CONFIDENCE,
    MEAN_LOGITS_RULE,
    NO_FACE_SCORE,
    RowResult,
    Summary,
)
from mmdeepfake.structures import DataError


def summarise(
    predictions: Sequence[VideoPrediction],
    *,
    threshold: float = 0.5,
    num_resamples: int = 2000,
    seed: int = 0,
    score_rule: str = MEAN_LOGITS_RULE,
    num_no_face: int = 0,
    num_failed: int = 0,
    no_face_score: float = NO_FACE_SCORE,
) -> Summary:
    """Compute every figure of a test set from the scores of its videos.

    Args:
        predictions: one for each video, in any order.
        threshold: a video is called fake from this score on.
        num_resamples: bootstrap resamples; 0 gives no intervals.
        seed: of the bootstrap.
        score_rule: how snippets became a video score; stated, not computed.
        num_no_face: how many of the videos show no face that was found; stated.
        num_failed: how many of the videos could not be prepared; stated.
        no_face_score: the score that both kinds stand among `predictions` with.
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
        tuple(methods),
        macro,
        overall,
        threshold,
        num_resamples,
        seed,
        score_rule,
        num_no_face,
        num_failed,
        no_face_score,
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
