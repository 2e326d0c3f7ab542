"""The metric that a config names: figures at video level, with intervals."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmdeepfake.evaluation.figures import summarise
from mmdeepfake.evaluation.predictions import (
    VideoPrediction,
    order_by_key,
    replace_text,
    write_predictions,
)
from mmdeepfake.evaluation.summary import MEAN_LOGITS_RULE, Summary
from mmdeepfake.evaluation.table import format_text
from mmdeepfake.registry import METRICS
from mmdeepfake.structures import FAKE, LABEL_NAMES, ConfigError, DataError, VideoKey

_SUM_TOLERANCE = 1e-2  # ours; two bfloat16 probabilities are off by up to 4e-3


@METRICS.register_module()
class DeepfakeMetric(BaseMetric):
    """Video-level ACC, AUC, EER and AP, per manipulation, macro and over all.

    Keys (with the prefix): 'auc', 'auc_low', 'auc_high', 'acc', 'eer', 'ap' over all
    videos, 'METHOD/auc' and so on per manipulation, 'macro/auc' and so on for their
    mean, and 'num_videos', 'num_real', 'num_fake'. `save_best='deepfake/auc'` takes the
    greater by itself; for 'deepfake/eer' or 'deepfake/ap' the hook must be told its
    `rule` ('less', 'greater').

    The model's `pred_score` is the score of the video: it is not computed again from
    the snippets, `score_rule` only states how the model made it.

    Args:
        threshold: a video is called fake from this P(fake) on.
        num_resamples: bootstrap resamples of the interval of the AUC.
        seed: of the bootstrap.
        predictions_csv: file for the score of each video (see `write_predictions`).
        metrics_json: file for the table, with intervals, counts, what they rest on and
            the SHA-256 of the prediction file.
        score_rule: how the model makes a video score out of snippets.
        collect_device: 'cpu' or 'gpu', see `BaseMetric`.
        collect_dir: folder shared by all processes, see `BaseMetric`.
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
        score_rule: str = MEAN_LOGITS_RULE,
        collect_device: str = 'cpu',
        collect_dir: str | None = None,
        prefix: str | None = None,
    ) -> None:
        if not 0 <= threshold <= 1:
            raise ConfigError(f'DeepfakeMetric: threshold {threshold}, allowed is 0..1')
        if num_resamples < 0:
            raise ConfigError(
                f'DeepfakeMetric: num_resamples {num_resamples}, allowed is 0 or more'
            )
        super().__init__(
            collect_device=collect_device, prefix=prefix, collect_dir=collect_dir
        )
        self.threshold = threshold
        self.num_resamples = num_resamples
        self.seed = seed
        self.predictions_csv = predictions_csv
        self.metrics_json = metrics_json
        self.score_rule = score_rule

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep the score of each video of a batch.

        Args:
            data_batch: not used.
            data_samples: one dict a video: 'pred_score' (2,) = (P(real), P(fake)),
                'gt_label' (1,), 'video_key', and 'snippet_scores' (S,) = P(fake) of
                each snippet, where the model gives them.
        """
        self.results.extend(read_sample(sample) for sample in data_samples)

    def evaluate(self, size: int) -> dict[str, float]:
        """See `BaseMetric`; warns when fewer videos were scored than the set has.

        The results of all processes are put back into the set's order and cut to
        `size`, which drops what the sampler had added to make the processes' shares
        equal; `order_by_key` refuses whatever would still count twice.
        """
        figures: dict[str, float] = super().evaluate(size)
        num_videos = int(figures[f'{self.prefix}/num_videos'])
        if num_videos != size:
            print_log(
                f'DeepfakeMetric: {num_videos} videos were scored, the dataset has '
                f'{size}: the figures are not those of the whole set',
                logger='current',
                level=logging.WARNING,
            )
        return figures

    def compute_metrics(self, results: list[VideoPrediction]) -> dict[str, float]:
        """Compute the figures, log the table, write the files (main process only)."""
        summary = summarise(
            results,
            threshold=self.threshold,
            num_resamples=self.num_resamples,
            seed=self.seed,
            score_rule=self.score_rule,
        )
        print_log('\n' + format_text(summary), logger='current')
        self._write_files(summary, order_by_key(results))
        return summary.scalars()

    def _write_files(
        self, summary: Summary, predictions: list[VideoPrediction]
    ) -> None:
        record = summary.to_json()
        record['predictions'] = None
        if self.predictions_csv is not None:
            path = Path(self.predictions_csv)
            sha256 = write_predictions(path, predictions)
            record['predictions'] = {'file': path.name, 'sha256': sha256}
            print_log(f'Scores of all videos: {path}', logger='current')
        if self.metrics_json is not None:
            replace_text(self.metrics_json, json.dumps(record, indent=2) + '\n')
            print_log(f'Figures with intervals: {self.metrics_json}', logger='current')


def read_sample(sample: dict[str, Any]) -> VideoPrediction:
    """Turn one data sample of the model into a prediction, or say what it lacks."""
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
    )


def _as_scores(sample: dict[str, Any], key: VideoKey) -> list[float]:
    """P(real) and P(fake) of the video, checked to be probabilities."""
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
            f'DeepfakeMetric: pred_score {scores} for video {key} are no probabilities '
            "(they must be >= 0 and sum to 1); set average_clips='prob' in the "
            "model's cls_head"
        )
    return scores
