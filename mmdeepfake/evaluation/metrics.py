"""The metric of the configs: figures at video level, with intervals."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.files.atomic_write import replace_json
from mmdeepfake.registry import METRICS
from mmdeepfake.structures import (
    FAILED,
    FAKE,
    LABEL_NAMES,
    LEFT_OUT,
    NO_FACE,
    REAL,
    VideoKey,
)
from mmdeepfake.structures.video_record import LEFT_OUT_VIDEOS, UNSCORED_VIDEOS

from .calibration import cross_entropy
from .operating_point import OperatingPoint
from .predictions import VideoPrediction, order_by_key, write_predictions
from .summarise import summarise
from .summary import MEAN_LOGITS_RULE, NO_FACE_SCORE, Summary
from .table import format_text
from .track_rules import TRACK_RULES, merge_tracks

_NUM_SCORED = 'num_scored'
_SUM_TOLERANCE = 1e-2  # ours; two bfloat16 probabilities are off by up to 4e-3


@METRICS.register_module()
class DeepfakeMetric(BaseMetric):
    """Video-level figures by manipulation, as their mean (macro) and over all videos.

    Keys (with the prefix) are those of `Summary.scalars` and 'cross_entropy', which
    breaks ties between epochs (see `DurableCheckpointHook`). `save_best='deepfake/auc'`
    prefers the higher value by itself; other figures need the hook's `rule` ('less',
    'greater').

    The video score is the model's `pred_score`, not computed from the snippets. With
    `tracks='all'` in the dataset, `tracks_rule` merges the scores of a video's faces.

    Videos in which no face was found or whose preparation failed (the dataset's
    `metainfo`) are scored `no_face_score` and counted: without the hard videos the set
    would be another one. Videos that the model cannot use (too short, no landmarks) or
    that could not be read (`on_error='skip'`) are in no figure but in 'num_left_out',
    'coverage', the table and the record. If one of several faces could not be read, the
    video is skipped.

    Args:
        threshold: P(fake) from which a video is called fake.
        num_resamples: bootstrap resamples of the intervals.
        seed: of the bootstrap.
        predictions_csv: file for the score of each video (see `write_predictions`).
        metrics_json: file for the figures, with intervals, counts and the SHA-256 of
            the prediction file.
        checkpoint: source of the scored weights, stated in `metrics_json`.
        score_rule: how the model computes a video score from snippets; stated.
        operating_point: file of tools/calibrate.py, whose threshold replaces
            `threshold`, and whose temperature is applied to all scores.
        no_face_score: P(fake) of a video that the model could not be given.
        tracks_rule: 'max' or 'mean', see `track_rules`.
        collect_device: see `BaseMetric`, as the next two.
        collect_dir: folder shared by all processes.
        prefix: of the keys.
    """

    default_prefix = 'deepfake'

    def __init__(
        self,
        *,
        threshold: float = 0.5,
        num_resamples: int = 2000,
        seed: int = 0,
        predictions_csv: str | None = None,
        metrics_json: str | None = None,
        checkpoint: str | None = None,
        score_rule: str = MEAN_LOGITS_RULE,
        operating_point: str | None = None,
        no_face_score: float = NO_FACE_SCORE,
        tracks_rule: str = 'max',
        collect_device: str = 'cpu',
        collect_dir: str | None = None,
        prefix: str | None = None,
    ) -> None:
        for name, value in (('threshold', threshold), ('no_face_score', no_face_score)):
            if not 0 <= value <= 1:
                raise ConfigError(f'DeepfakeMetric: {name} {value}, allowed is 0..1')
        if tracks_rule not in TRACK_RULES:
            raise ConfigError(
                f'DeepfakeMetric: tracks_rule={tracks_rule!r}; allowed are '
                + ', '.join(map(repr, TRACK_RULES))
            )
        if num_resamples < 0:
            raise ConfigError(
                f'DeepfakeMetric: num_resamples {num_resamples}, allowed is 0 or more'
            )
        super().__init__(
            collect_device=collect_device, prefix=prefix, collect_dir=collect_dir
        )
        self.operating_point = None
        if operating_point is not None:
            self.operating_point = OperatingPoint.read(
                Path(operating_point), checkpoint_sha256=_hash_if_local(checkpoint)
            )
            threshold = self.operating_point.threshold
        self.threshold = threshold
        self.num_resamples = num_resamples
        self.seed = seed
        self.predictions_csv = predictions_csv
        self.metrics_json = metrics_json
        self.checkpoint = checkpoint
        self.score_rule = score_rule
        self.no_face_score = float(no_face_score)
        self.tracks_rule = tracks_rule

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep the score of each video of a batch.

        Args:
            data_batch: not used.
            data_samples: one dict a video: 'pred_score' (2,) = (P(real), P(fake)),
                'gt_label' (1,), 'video_key', and optional 'snippet_scores' (S,) =
                P(fake); of an unreadable video 'video_key' and 'left_out', the kind of
                error.
        """
        self.results.extend(read_result(sample) for sample in data_samples)

    def evaluate(self, size: int) -> dict[str, float]:
        """See `BaseMetric`; warns if fewer videos were scored than the set has.

        The parent sorts the results of all processes and cuts them to `size`, without
        the sampler's padding; `order_by_key` refuses any other duplicate.
        """
        figures: dict[str, float] = super().evaluate(size)
        num_scored = int(figures.pop(f'{self.prefix}/{_NUM_SCORED}'))
        if num_scored != size:
            print_log(
                f'DeepfakeMetric: {num_scored} videos were scored, the dataset has '
                f'{size}: the figures do not cover the set',
                logger='current',
                level=logging.WARNING,
            )
        return figures

    def compute_metrics(
        self, results: list[VideoPrediction | LeftOutVideo]
    ) -> dict[str, float]:
        """Compute the figures, log the table, write the files (main process only)."""
        scored, skipped = split_results(results)
        merged = merge_tracks(scored, rule=self.tracks_rule)
        if self.operating_point is not None:
            merged = [self.operating_point.apply(one) for one in merged]
        unscored = (self.dataset_meta or {}).get(UNSCORED_VIDEOS, ())
        statuses = [status for _, status, _ in unscored]
        left_out = (*(self.dataset_meta or {}).get(LEFT_OUT_VIDEOS, ()), *skipped)
        predictions = order_by_key(
            [
                *merged,
                *(
                    VideoPrediction(key, self.no_face_score, identities=identities)
                    for key, _, identities in unscored
                ),
            ]
        )
        summary = summarise(
            predictions,
            threshold=self.threshold,
            num_resamples=self.num_resamples,
            seed=self.seed,
            score_rule=self._full_score_rule(len(scored) - len(merged)),
            num_no_face=statuses.count(NO_FACE),
            num_failed=statuses.count(FAILED),
            no_face_score=self.no_face_score,
            left_out=dict(Counter(kind for _, kind in left_out).most_common()),
        )
        self.summary = summary
        print_log('\n' + format_text(summary), logger='current')
        self._write_files(summary, predictions)
        labels = [prediction.key.label for prediction in predictions]
        scores = [prediction.fake_score for prediction in predictions]
        return {
            **summary.scalars(),
            'cross_entropy': cross_entropy(labels, scores),
            _NUM_SCORED: float(len(results)),
        }

    def _full_score_rule(self, num_further_tracks: int) -> str:
        rule = self.score_rule
        if self.operating_point is not None and self.operating_point.temperature != 1:
            rule += (
                f', calibrated by temperature {self.operating_point.temperature:.3f}'
            )
        if not num_further_tracks:
            return rule
        return (
            f'{rule}; the {self.tracks_rule} over the faces of a video '
            f'({num_further_tracks} further faces were scored)'
        )

    def _write_files(
        self, summary: Summary, predictions: list[VideoPrediction]
    ) -> None:
        record = summary.to_json()
        record['checkpoint'] = self.checkpoint
        record['predictions'] = None
        if self.predictions_csv is not None:
            path = Path(self.predictions_csv)
            sha256 = write_predictions(path, predictions)
            record['predictions'] = {'file': path.name, 'sha256': sha256}
            print_log(f'Scores of all videos: {path}', logger='current')
        if self.metrics_json is not None:
            replace_json(self.metrics_json, record)
            print_log(f'Figures with intervals: {self.metrics_json}', logger='current')


@dataclass(frozen=True)
class LeftOutVideo:
    """Replaces the prediction of an unreadable video; `kind` is that of its error."""

    key: VideoKey
    kind: str


def split_results(
    results: Sequence[VideoPrediction | LeftOutVideo],
) -> tuple[list[VideoPrediction], list[tuple[VideoKey, str]]]:
    """Return the predictions, and (key, kind of error) of each unreadable video."""
    kinds: dict[VideoKey, str] = {}
    for one in results:
        if isinstance(one, LeftOutVideo):
            kinds.setdefault(one.key, one.kind)
    scored = [
        one
        for one in results
        if isinstance(one, VideoPrediction) and one.key not in kinds
    ]
    if kinds and not scored:
        raise DataError(
            f'DeepfakeMetric: none of {len(kinds)} videos could be read, e.g. '
            f'{next(iter(kinds))}'
        )
    return scored, list(kinds.items())


def _hash_if_local(checkpoint: str | None) -> str | None:
    if checkpoint is None or not Path(checkpoint).is_file():
        return None
    return hashlib.sha256(Path(checkpoint).read_bytes()).hexdigest()


def read_result(sample: dict[str, Any]) -> VideoPrediction | LeftOutVideo:
    """Read one data sample: a prediction, or an unreadable video."""
    if LEFT_OUT in sample:
        return LeftOutVideo(VideoKey(*sample['video_key']), sample[LEFT_OUT])
    return read_sample(sample)


def read_sample(sample: dict[str, Any]) -> VideoPrediction:
    """Read a prediction from one data sample of the model."""
    if 'video_key' not in sample:
        raise ConfigError(
            "DeepfakeMetric: a data sample has no 'video_key'; add 'video_key' to the "
            'meta_keys of PackActionInputs in the test pipeline'
        )
    fields = tuple(sample['video_key'])
    if len(fields) != len(VideoKey._fields):
        raise ConfigError(
            f"DeepfakeMetric: 'video_key' is {fields}, expected "
            f'({", ".join(VideoKey._fields)})'
        )
    key = VideoKey(*fields)
    label = int(torch.as_tensor(sample['gt_label']).item())
    if label != key.label:
        raise DataError(f"gt_label {label} of video {key} contradicts its key's label")
    scores = _as_scores(sample, key)
    snippets = torch.as_tensor(sample.get('snippet_scores', ()))
    return VideoPrediction(
        key,
        float(scores[FAKE]),
        tuple(snippets.detach().cpu().double().flatten().tolist()),
        int(sample.get('track', 0)),
        tuple(sample.get('identities', ())),
        _log_odds(scores),
    )


def _log_odds(scores: list[float]) -> float:
    """Compute log(P(fake) / P(real)); close to 1 only P(real) is not rounded."""
    with np.errstate(divide='ignore'):
        return float(np.log(scores[FAKE]) - np.log(scores[REAL]))


def _as_scores(sample: dict[str, Any], key: VideoKey) -> list[float]:
    """Return P(real) and P(fake) of the video, checked to be probabilities."""
    if 'pred_score' not in sample:
        raise ConfigError(
            f"DeepfakeMetric: the model gave no 'pred_score' for video {key}"
        )
    tensor = torch.as_tensor(sample['pred_score']).detach().cpu().double()
    if tuple(tensor.shape) != (len(LABEL_NAMES),):
        raise ConfigError(
            f'DeepfakeMetric: pred_score of shape {tuple(tensor.shape)} for video '
            f'{key}, expected (2,) = (real, fake); set num_classes=2 and '
            "average_clips='prob' in the model's cls_head"
        )
    scores: list[float] = tensor.tolist()
    if any(score != score for score in scores):
        raise DataError(f'pred_score is nan for video {key}; the model has diverged')
    if min(scores) < 0 or abs(sum(scores) - 1) > _SUM_TOLERANCE:
        raise ConfigError(
            f'DeepfakeMetric: pred_score {scores} for video {key}: probabilities must '
            "be >= 0 and sum to 1; set average_clips='prob' in the model's cls_head"
        )
    return scores
