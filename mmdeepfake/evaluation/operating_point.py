"""Threshold and temperature of a model, chosen on validation videos.

Kept as `operating_point.json` beside the checkpoint, with what they were chosen on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.atomic_write import replace_json
from mmdeepfake.files.bounded_reading import load_json
from mmdeepfake.files.record_fields import check_fields

from .calibration import apply_temperature, fit_temperature, threshold_at, to_scores
from .predictions import VideoPrediction

OPERATING_POINT_FILE = 'operating_point.json'
# Ours: share of fakes that may have a score below the uncertain band.
MAX_MISS_RATE = 0.05


@dataclass(frozen=True)
class OperatingPoint:
    """How to read scores.

    Attributes:
        threshold: P(fake), after the temperature, from which a video is called fake.
        temperature: scores become sigmoid(logit(score) / temperature).
        max_false_positive_rate: allowed share of reals called fake.
        false_positive_rate: their share on the validation videos.
        true_positive_rate: share of the validation fakes called fake.
        num_real: real validation videos.
        num_fake: fake validation videos.
        chosen_on: the validation set, in words.
        predictions_sha256: of the prediction file it was chosen on.
        lower_threshold: P(fake) from which a video is uncertain, up to `threshold`; the
            two are equal if none is. None in old files, likewise.
        checkpoint_sha256: of the file of weights that made the scores; None in old
            files, which are accepted for any.
    """

    threshold: float
    temperature: float
    max_false_positive_rate: float
    false_positive_rate: float
    true_positive_rate: float
    num_real: int
    num_fake: int
    chosen_on: str
    predictions_sha256: str
    lower_threshold: float | None = None
    checkpoint_sha256: str | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.threshold) and 0 <= self.threshold):
            raise DataError(f'threshold {self.threshold}: need 0 or more')
        if not 0 <= self.uncertain_from <= self.threshold:
            raise DataError(
                f'lower_threshold {self.lower_threshold}: allowed is 0 to the '
                f'threshold, {self.threshold}'
            )
        for name in ('false_positive_rate', 'true_positive_rate'):
            if not 0 <= getattr(self, name) <= 1:
                raise DataError(f'{name} {getattr(self, name)}: allowed is 0 to 1')
        if min(self.num_real, self.num_fake) < 0:
            raise DataError(f'{self.num_real} real and {self.num_fake} fake videos')
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise DataError(f'temperature {self.temperature}: need one above 0')

    @property
    def uncertain_from(self) -> float:
        """The lower threshold, or the only one."""
        return self.threshold if self.lower_threshold is None else self.lower_threshold

    @property
    def false_positive_rate_bound(self) -> float:
        """Upper 95% confidence bound of the rate on other reals.

        One-sided, of Clopper and Pearson (Biometrika, 1934). Exact for a threshold
        chosen elsewhere; this one was chosen on the same reals, so it is optimistic.
        """
        from scipy.stats import beta

        num_called = round(self.false_positive_rate * self.num_real)
        if num_called == self.num_real:
            return 1.0
        return float(beta.ppf(0.95, num_called + 1, self.num_real - num_called))

    def apply(self, prediction: VideoPrediction) -> VideoPrediction:
        """Return the prediction with calibrated scores; their order stays."""
        if self.temperature == 1:
            return prediction
        log_odds = prediction.log_odds / self.temperature
        snippets = apply_temperature(prediction.snippet_scores, self.temperature)
        return replace(
            prediction,
            fake_score=float(to_scores(log_odds)),
            snippet_scores=tuple(snippets.tolist()),
            fake_logit=log_odds,
        )

    def write(self, path: Path) -> None:
        """Write it atomically as JSON."""
        replace_json(path, asdict(self))

    @classmethod
    def read(
        cls, path: Path, *, checkpoint_sha256: str | None = None
    ) -> OperatingPoint:
        """Read what `write` wrote.

        Raises:
            DataNotFoundError: the file is missing.
            DataError: it is invalid, or names another checkpoint than that of the given
                hash, if any.
        """
        if not path.is_file():
            raise DataNotFoundError(
                f'no operating point {path}: choose one with '
                'python tools/calibrate.py CONFIG CHECKPOINT'
            )
        try:
            point = cls(**check_fields(cls, load_json(path)))
        except (ValueError, TypeError) as error:
            raise DataError(
                f'{path} is not an operating point ({error}); choose it again with '
                'python tools/calibrate.py'
            ) from error
        chosen_for = point.checkpoint_sha256
        if chosen_for and checkpoint_sha256 and chosen_for != checkpoint_sha256:
            raise DataError(
                f'{path} was chosen for another checkpoint (SHA-256 '
                f'{chosen_for[:12]}..., this one has {checkpoint_sha256[:12]}...); '
                'choose one with python tools/calibrate.py CONFIG CHECKPOINT, or set '
                'a threshold'
            )
        return point


def choose_operating_point(
    predictions: Sequence[VideoPrediction],
    *,
    max_false_positive_rate: float,
    with_temperature: bool,
    chosen_on: str,
    predictions_sha256: str,
    checkpoint_sha256: str | None = None,
) -> OperatingPoint:
    """Fit the temperature, if wanted, then both thresholds, on validation videos.

    The lower threshold is the highest with at most 5% of the fakes below it, or the
    upper one if that is lower.

    Args:
        predictions: of the validation videos; both classes are needed.
        max_false_positive_rate: share of reals that may be called fake.
        with_temperature: whether to fit one; it changes no order and no verdict.
        chosen_on: the validation set, in words.
        predictions_sha256: of the prediction file.
        checkpoint_sha256: of the file of weights.
    """
    labels = np.array([prediction.key.label for prediction in predictions])
    scores = np.array([prediction.fake_score for prediction in predictions])
    temperature = 1.0
    if with_temperature:
        logits = np.array([prediction.log_odds for prediction in predictions])
        temperature = fit_temperature(labels, logits)
        scores = to_scores(logits / temperature)
    threshold = threshold_at(
        labels, scores, max_false_positive_rate=max_false_positive_rate
    )
    # The reals' rule with the classes swapped.
    lower = -threshold_at(1 - labels, -scores, max_false_positive_rate=MAX_MISS_RATE)
    called = scores >= threshold
    return OperatingPoint(
        threshold=threshold,
        temperature=temperature,
        max_false_positive_rate=max_false_positive_rate,
        false_positive_rate=float(called[labels == 0].mean()),
        true_positive_rate=float(called[labels == 1].mean()),
        num_real=int((labels == 0).sum()),
        num_fake=int((labels == 1).sum()),
        chosen_on=chosen_on,
        predictions_sha256=predictions_sha256,
        lower_threshold=min(max(lower, 0.0), threshold),
        checkpoint_sha256=checkpoint_sha256,
    )
