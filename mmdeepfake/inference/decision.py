"""How scores become verdicts: threshold, temperature, and the rule over faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logit

from mmdeepfake.errors import ConfigError
from mmdeepfake.evaluation.calibration import apply_temperature
from mmdeepfake.evaluation.operating_point import OPERATING_POINT_FILE, OperatingPoint
from mmdeepfake.evaluation.predictions import VideoPrediction
from mmdeepfake.evaluation.track_rules import TRACK_RULES
from mmdeepfake.files.bounded_reading import load_json
from mmdeepfake.structures import REAL, REAL_METHOD, VideoKey

from .results import FAKE_VERDICT, REAL_VERDICT

UNCALIBRATED_THRESHOLD = 0.5
# Recognizers that average the probabilities of snippets; the others their logits.
_AVERAGE_PROBABILITIES = ('FrameRecognizer', 'Recognizer3D')
_SMALLEST_SCORE = 1e-7  # scores of exactly 0 and 1 have no logit
# An operating point is told of by the folder of the scores that it was chosen on.
_CALIBRATION_METRICS = 'calibration/metrics.json'


@dataclass(frozen=True)
class Decision:
    """How the scores of one model are read.

    Attributes:
        threshold: a video is called fake from this score on.
        temperature: see `OperatingPoint`; 1 changes nothing.
        is_calibrated: whether the threshold was chosen on validation videos.
        origin: where the threshold comes from, in words.
        track_rule: how the scores of several faces become one, see `TRACK_RULES`.
        averages_logits: whether a video's score is the mean of its snippets' logits, or
            that of their probabilities; as the model has it.
        notes: what else is worth knowing of the threshold.
    """

    threshold: float
    temperature: float
    is_calibrated: bool
    origin: str
    track_rule: str
    averages_logits: bool
    notes: tuple[str, ...] = ()

    def merge_groups(self, fake_scores: Sequence[float]) -> float:
        """Average scores of groups of equally many snippets, as the model would."""
        if len(fake_scores) == 1:
            return fake_scores[0]
        if not self.averages_logits:
            return float(np.mean(fake_scores))
        clipped = np.clip(fake_scores, _SMALLEST_SCORE, 1 - _SMALLEST_SCORE)
        return float(expit(logit(clipped).mean()))

    def merge_faces(self, fake_scores: Sequence[float]) -> float:
        """Make the video's score of its faces', before the temperature."""
        key = VideoKey('', REAL, REAL_METHOD, '', '')  # which label, nobody knows
        faces = [VideoPrediction(key, score) for score in fake_scores]
        return TRACK_RULES[self.track_rule](faces).fake_score

    def calibrate(self, fake_score: float) -> float:
        """Apply the temperature."""
        if self.temperature == 1:
            return fake_score
        return float(apply_temperature([fake_score], self.temperature)[0])

    def judge(self, calibrated_score: float) -> str:
        """Give the verdict of a score."""
        return FAKE_VERDICT if calibrated_score >= self.threshold else REAL_VERDICT

    def describe(self) -> dict[str, Any]:
        """Give it as plain JSON values."""
        mean = 'logits' if self.averages_logits else 'probabilities'
        return {
            'threshold': self.threshold,
            'temperature': self.temperature,
            'is_calibrated': self.is_calibrated,
            'threshold_origin': self.origin,
            'score_rule': f'mean of the {mean} of all snippets of a face',
            'track_rule': f'{self.track_rule} over the faces of a video',
        }


def make_decision(
    *,
    model_type: str,
    checkpoint: Path | None,
    operating_point: str | Path | None,
    threshold: float | None,
    track_rule: str,
) -> Decision:
    """Find the threshold: the one given, a calibrated one, or 0.5.

    Args:
        model_type: `type` of the config's model.
        checkpoint: beside which the operating point is looked for.
        operating_point: its file, where it lies elsewhere.
        threshold: in place of any operating point.
        track_rule: one of `TRACK_RULES`.

    Raises:
        ConfigError: both are given, or a value is out of range.
        InputError: the file is missing or no operating point.
    """
    if track_rule not in TRACK_RULES:
        raise ConfigError(
            f'track rule {track_rule!r}; allowed are '
            + ', '.join(map(repr, TRACK_RULES))
        )
    if threshold is not None and operating_point is not None:
        raise ConfigError('a threshold and an operating point; give one of them')
    if threshold is not None and not 0 <= threshold <= 1:
        raise ConfigError(f'threshold {threshold!r}; allowed is 0 to 1')
    how = dict(
        track_rule=track_rule,
        averages_logits=model_type not in _AVERAGE_PROBABILITIES,
    )
    path = None if operating_point is None else Path(operating_point)
    if path is None and threshold is None and checkpoint is not None:
        beside = checkpoint.parent / OPERATING_POINT_FILE
        path = beside if beside.is_file() else None
    if path is None:
        value = UNCALIBRATED_THRESHOLD if threshold is None else threshold
        given = 'given by the user' if threshold is not None else 'no operating point'
        return Decision(value, 1.0, False, given, **how)
    point = OperatingPoint.read(path)
    return Decision(
        point.threshold,
        point.temperature,
        True,
        f'{path.name}: at most {point.max_false_positive_rate:g} of the reals called '
        f'fake, chosen on {point.num_real} real and {point.num_fake} fake videos of '
        f'{point.chosen_on}',
        **how,
        notes=_mistrust(point, path, checkpoint),
    )


def _mistrust(
    point: OperatingPoint, path: Path, checkpoint: Path | None
) -> tuple[str, ...]:
    """Say so where the operating point was chosen on scores of another checkpoint."""
    try:
        metrics = load_json(path.parent / _CALIBRATION_METRICS, allow_nan=True)
        is_its_own = metrics['predictions']['sha256'] == point.predictions_sha256
        scored = Path(metrics['checkpoint']).name
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    if checkpoint is None or not is_its_own or scored == checkpoint.name:
        return ()
    return (
        f'the threshold was chosen on scores of {scored}, this is {checkpoint.name}: '
        'choose it again with tools/calibrate.py',
    )
