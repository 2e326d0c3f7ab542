"""Compute the figures of a test set: a row per manipulation, their mean, and all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError

from .aggregation import (
    Row,
    Stratum,
    group_by_identity,
    group_by_method,
    percentile_interval,
    resample_groups,
    resample_within_strata,
)
from .predictions import VideoPrediction, order_by_key, rank_predictions
from .resampled_figures import FIGURES, ResampledFigures
from .summary import (
    CONFIDENCE,
    MEAN_LOGITS_RULE,
    MIN_GROUPS,
    NO_FACE_SCORE,
    RowResult,
    Summary,
)

Resampled = dict[str, NDArray[np.float64]]


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
    left_out: Mapping[str, int] | None = None,
) -> Summary:
    """Compute every figure of a test set from the scores of its videos.

    Args:
        predictions: one for each video, in any order.
        threshold: score from which a video is called fake.
        num_resamples: bootstrap resamples; 0 gives no intervals.
        seed: of the bootstrap.
        score_rule: see `Summary`, as all that follow; stated, not computed.
        num_no_face: see `Summary`.
        num_failed: see `Summary`.
        no_face_score: see `Summary`.
        left_out: see `Summary`.
    """
    if not predictions:
        raise DataError('no video was scored: nothing to evaluate')
    predictions = order_by_key(predictions)
    strata = [stratum_of(prediction) for prediction in predictions]
    everything = Row('all', np.arange(len(predictions)))
    rows = [
        _RowOfVideos(row, predictions, threshold)
        for row in (*group_by_method(strata), everything)
    ]
    groups = group_by_identity([persons_of(prediction) for prediction in predictions])
    num_groups = 0 if groups is None else int(groups.max()) + 1
    over_videos = _resample(
        rows, resample_within_strata(strata, num_resamples=num_resamples, seed=seed)
    )
    over_groups: list[Resampled] = [{} for _ in rows]
    if groups is not None and num_groups >= MIN_GROUPS:
        chunks = resample_groups(groups, num_resamples=num_resamples, seed=seed)
        over_groups = _resample(rows, chunks)
    *methods, overall = (
        row.result(videos, persons)
        for row, videos, persons in zip(rows, over_videos, over_groups, strict=True)
    )
    macro = _average_rows(methods, overall, over_videos[:-1], over_groups[:-1])
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
        num_groups,
        left_out or {},
    )


def method_rows(
    predictions: Sequence[VideoPrediction],
) -> Iterator[tuple[str, list[VideoPrediction]]]:
    """Yield the name and videos of each manipulation's row."""
    for row in group_by_method([stratum_of(prediction) for prediction in predictions]):
        yield row.name, [predictions[index] for index in row.members]


def stratum_of(prediction: VideoPrediction) -> Stratum:
    """Return the stratum of the bootstrap that the video is in."""
    key = prediction.key
    return Stratum(key.dataset, key.compression, key.label, key.method)


def persons_of(prediction: VideoPrediction) -> list[str]:
    """Return the persons in the video as 'dataset/person'."""
    return [f'{prediction.key.dataset}/{name}' for name in prediction.identities]


class _RowOfVideos:
    """The videos of one row, ready to be resampled."""

    def __init__(
        self, row: Row, predictions: Sequence[VideoPrediction], threshold: float
    ) -> None:
        self.name, self.members = row
        chosen = [predictions[index] for index in row.members]
        labels = np.array([prediction.key.label for prediction in chosen])
        scores = np.array([prediction.fake_score for prediction in chosen])
        self.num_fake = int(labels.sum())
        self.num_real = len(labels) - self.num_fake
        self.figures = ResampledFigures(
            labels, scores, threshold=threshold, ranks=rank_predictions(chosen)
        )

    def result(self, over_videos: Resampled, over_groups: Resampled) -> RowResult:
        enough = min(self.num_real, self.num_fake) > 1
        return RowResult(
            name=self.name,
            num_real=self.num_real,
            num_fake=self.num_fake,
            **self.figures.of_set(),
            intervals=_intervals(over_videos) if enough else {},
            identity_intervals=_intervals(over_groups) if enough else {},
        )


def _resample(
    rows: Sequence[_RowOfVideos], chunks: Iterable[NDArray[np.int64]]
) -> list[Resampled]:
    """Compute the figures of each row in all resamples: (R,) each."""
    found: list[list[Resampled]] = [[] for _ in rows]
    for counts in chunks:
        for row, parts in zip(rows, found, strict=True):
            parts.append(row.figures(counts[:, row.members]))
    return [
        {name: np.concatenate([part[name] for part in parts]) for name in FIGURES}
        if parts
        else {}
        for parts in found
    ]


def _intervals(resampled: Resampled) -> dict[str, tuple[float, float]]:
    ends = {
        name: percentile_interval(values, confidence=CONFIDENCE)
        for name, values in resampled.items()
    }
    return {name: (low, high) for name, (low, high) in ends.items() if low == low}


def _average_rows(
    methods: list[RowResult],
    overall: RowResult,
    over_videos: Sequence[Resampled],
    over_groups: Sequence[Resampled],
) -> RowResult:
    """Average the manipulations; the interval is that of each resample's mean."""
    means = {
        name: float(np.mean([getattr(row, name) for row in methods] or [float('nan')]))
        for name in FIGURES
    }
    has_intervals = methods and all(row.intervals for row in methods)
    return RowResult(
        name='macro',
        num_real=overall.num_real,
        num_fake=overall.num_fake,
        **means,
        intervals=_mean_intervals(over_videos) if has_intervals else {},
        identity_intervals=_mean_intervals(over_groups) if has_intervals else {},
    )


def _mean_intervals(rows: Sequence[Resampled]) -> dict[str, tuple[float, float]]:
    if not all(rows):
        return {}
    return _intervals(
        {name: np.mean([row[name] for row in rows], axis=0) for name in FIGURES}
    )
