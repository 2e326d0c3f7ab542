"""From scores to verdicts: threshold, temperature, and the rule over faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.evaluation.calibration import (
    apply_temperature,
    to_log_odds,
    to_scores,
)
from mmdeepfake.evaluation.operating_point import OPERATING_POINT_FILE, OperatingPoint
from mmdeepfake.evaluation.predictions import VideoPrediction
from mmdeepfake.evaluation.track_rules import TRACK_RULES
from mmdeepfake.structures import REAL, REAL_METHOD, VideoKey
from mmdeepfake.structures.training_data import TRAINING_DATA, TrainingData

from .results import (
    FAKE_VERDICT,
    NOT_VALID_VERDICT,
    REAL_VERDICT,
    UNCERTAIN_VERDICT,
)

UNCALIBRATED_THRESHOLD = 0.5
# Recognizers that average snippet probabilities; all others average logits.
_AVERAGE_PROBABILITIES = ('FrameRecognizer', 'Recognizer3D')
_SMALLEST_SCORE = 1e-7  # scores of exactly 0 or 1 have no logit


@dataclass(frozen=True)
class Decision:
    """How the scores of one model are interpreted.

    Attributes:
        threshold: lowest score that is called fake.
        lower_threshold: lowest score that is uncertain; the threshold if none is.
        temperature: see `OperatingPoint`; 1 changes nothing.
        is_calibrated: whether the threshold was chosen on validation videos.
        origin: source of the threshold, in words.
        track_rule: merges the scores of several faces, see `TRACK_RULES`.
        averages_logits: whether the model averages logits of snippets, or
            probabilities.
        training_data: of the model.
        ignores_training_data: whether videos are judged whatever they are.
        notes: warnings about threshold and training data.
    """

    threshold: float
    lower_threshold: float
    temperature: float
    is_calibrated: bool
    origin: str
    track_rule: str
    averages_logits: bool
    training_data: TrainingData
    ignores_training_data: bool
    notes: tuple[str, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether videos may be judged: all count as real footage."""
        return self.ignores_training_data or self.training_data.is_real_video

    def merge_groups(self, fake_scores: Sequence[float]) -> float:
        """Average scores of groups of equal size, as the model would."""
        if len(fake_scores) == 1:
            return fake_scores[0]
        if not self.averages_logits:
            return float(np.mean(fake_scores))
        clipped = np.clip(fake_scores, _SMALLEST_SCORE, 1 - _SMALLEST_SCORE)
        return float(to_scores(to_log_odds(clipped).mean()))

    def merge_faces(self, fake_scores: Sequence[float]) -> float:
        """Return the video's score from those of its faces, before the temperature."""
        key = VideoKey('', REAL, REAL_METHOD, '', '')  # the label is unknown and unused
        faces = [VideoPrediction(key, score) for score in fake_scores]
        return TRACK_RULES[self.track_rule](faces).fake_score

    def calibrate(self, fake_score: float) -> float:
        """Apply the temperature."""
        if self.temperature == 1:
            return fake_score
        return float(apply_temperature([fake_score], self.temperature)[0])

    def judge(self, calibrated_score: float) -> str:
        """Return the verdict of a score."""
        if not self.is_valid:
            return NOT_VALID_VERDICT
        if calibrated_score >= self.threshold:
            return FAKE_VERDICT
        is_uncertain = calibrated_score >= self.lower_threshold
        return UNCERTAIN_VERDICT if is_uncertain else REAL_VERDICT

    def describe(self) -> dict[str, Any]:
        """Return plain JSON values."""
        mean = 'logits' if self.averages_logits else 'probabilities'
        return {
            'threshold': self.threshold,
            'lower_threshold': self.lower_threshold,
            'temperature': self.temperature,
            'is_calibrated': self.is_calibrated,
            'threshold_origin': self.origin,
            'ignore_training_domain': self.ignores_training_data,
            'score_rule': f'mean of the {mean} of all snippets of a face',
            'track_rule': f'{self.track_rule} over the faces of a video',
        }


def make_decision(
    *,
    model_type: str,
    checkpoint: Path | None,
    weights: Mapping[str, Any],
    operating_point: str | Path | None,
    threshold: float | None,
    track_rule: str,
    ignore_training_domain: bool,
) -> Decision:
    """Return the decision with the given threshold, a calibrated one, or 0.5.

    `weights` are the facts that the predictor tells of them.

    Raises:
        ConfigError: both are given, or a value is out of range.
        InputError: the file is missing, is not an operating point, or is that of
            another checkpoint.
    """
    if track_rule not in TRACK_RULES:
        raise ConfigError(
            f'track rule {track_rule!r}; allowed: ' + ', '.join(map(repr, TRACK_RULES))
        )
    if threshold is not None and operating_point is not None:
        raise ConfigError(
            'threshold and operating point are both given; give one of them'
        )
    if threshold is not None and not 0 <= threshold <= 1:
        raise ConfigError(f'threshold {threshold!r}; allowed: 0 to 1')
    how = dict(
        track_rule=track_rule,
        averages_logits=model_type not in _AVERAGE_PROBABILITIES,
        training_data=_read_training_data(weights),
        ignores_training_data=ignore_training_domain,
    )
    notes = _warn_of_training(how['training_data'], ignored=ignore_training_domain)
    if threshold is not None:
        both, origin = (threshold, threshold), 'given by the user'
        return Decision(*both, 1.0, False, origin, notes=notes, **how)
    path = find_operating_point(checkpoint, operating_point)
    if weights.get('is_calibrated') and operating_point is None:
        # An exported file carries what lay beside its checkpoint.
        point = [float(weights[name]) for name in ('threshold', 'temperature')]
        lower = weights['lower_threshold']
        lower = point[0] if lower is None else float(lower)  # older files have none
        origin = f'carried by {weights["file"]}'
        return Decision(point[0], lower, point[1], True, origin, notes=notes, **how)
    if path is None:
        both = (UNCALIBRATED_THRESHOLD, UNCALIBRATED_THRESHOLD)
        origin = 'no operating point'
        return Decision(*both, 1.0, False, origin, notes=notes, **how)
    point = OperatingPoint.read(
        path,
        checkpoint_sha256=weights.get('checkpoint_sha256', weights.get('sha256')),
    )
    if point.checkpoint_sha256 is None:
        notes += (
            f'the thresholds of {path.name} may be those of another checkpoint, which '
            'the file does not name; tools/calibrate.py writes a new one',
        )
    return Decision(
        point.threshold,
        point.uncertain_from,
        point.temperature,
        True,
        f'{path.name}: at most {point.max_false_positive_rate:g} of real videos '
        f'called fake, chosen on {point.num_real} real and {point.num_fake} fake '
        f'videos of {point.chosen_on}',
        notes=notes,
        **how,
    )


def _read_training_data(weights: Mapping[str, Any]) -> TrainingData:
    try:
        return TrainingData.read(weights.get(TRAINING_DATA))
    except ValueError as error:
        raise DataError(f'metadata of the weights: {error}') from error


def _warn_of_training(training: TrainingData, *, ignored: bool) -> tuple[str, ...]:
    if training.is_real_video:
        return ()
    if ignored:
        return (f'judged although the model was trained on {training}',)
    return (
        f'no verdict: the model was trained on {training}, and nothing is known of its '
        'errors on real video; --ignore-training-domain (ignore_training_domain=True) '
        'judges nevertheless',
    )


def find_operating_point(
    checkpoint: Path | None, given: str | Path | None
) -> Path | None:
    """Return the given file, or the one beside the checkpoint if it exists."""
    if given is not None:
        return Path(given)
    beside = checkpoint and checkpoint.parent / OPERATING_POINT_FILE
    return beside if beside and beside.is_file() else None
