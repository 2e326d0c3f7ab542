"""An exported file in the place of a checkpoint, for `DeepfakeInferencer`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch
from mmengine.config import Config
from torch import Tensor

from mmdeepfake.errors import ConfigError
from mmdeepfake.inference.predictors import GroupPrediction

from .exported_detector import ExportedDetector
from .frame_layout import FrameLayout, read_frame_layout


class ExportedPredictor:
    """Scores packed groups of snippets by an `ExportedDetector`.

    Args:
        detector: the file.
        layout: of the config whose pipeline packs the groups.

    Raises:
        ConfigError: the config packs other frames than the file takes.
    """

    def __init__(self, detector: ExportedDetector, layout: FrameLayout) -> None:
        told = detector.metadata
        for name in ('clip_len', 'stride_frames', 'height', 'width', 'is_3d'):
            wanted, given = getattr(told, name), getattr(layout, name)
            if wanted != given:
                raise ConfigError(
                    f'{detector.path.name} was exported with {told.config}, for '
                    f'{name} = {wanted}, and the config given has {given}: give the '
                    'config that it was exported with'
                )
        self._detector = detector
        self._layout = layout

    def predict(self, inputs: Sequence[Tensor]) -> list[GroupPrediction]:
        """Score groups; those of one shape run as one batch.

        Args:
            inputs: one a group, as the config's pipeline packs them: uint8 of
                (S*T, 3, H, W) or (S, 3, T, H, W), not normalised.
        """
        found: dict[int, GroupPrediction] = {}
        for shape in dict.fromkeys(group.shape for group in inputs):
            places = [i for i, group in enumerate(inputs) if group.shape == shape]
            packed = torch.stack([inputs[place] for place in places])
            frames = self._layout.unpack(packed)
            scores = self._detector(frames)
            snippets = scores.snippet_scores
            if snippets is not None and snippets.shape[1] != frames.shape[1]:
                snippets = None  # one score for several of them
            for row, place in enumerate(places):
                found[place] = GroupPrediction(
                    float(scores.fake_scores[row]),
                    () if snippets is None else tuple(snippets[row].tolist()),
                )
        return [found[place] for place in range(len(inputs))]

    def explain(self, inputs: Tensor) -> NoReturn:
        """Refuse: an exported file gives no gradients."""
        raise ConfigError(
            f'{self._detector.path.name} is an exported file, which tells no heat '
            'maps: they need its checkpoint'
        )

    def describe(self) -> dict[str, Any]:
        """Give what the file says of itself, and its hash."""
        told, path = self._detector.metadata, self._detector.path
        names = ('config', 'model', 'checkpoint', 'checkpoint_sha256', 'threshold')
        names += ('temperature', 'is_calibrated', 'made_with')
        return {
            'kind': told.format,
            'file': path.name,
            'sha256': hashlib.sha256(path.read_bytes()).hexdigest(),
            **{name: getattr(told, name) for name in names},
        }


def load_exported_predictor(
    cfg: Config, path: Path, device: torch.device
) -> ExportedPredictor:
    """Open an exported file for the groups that a config packs."""
    detector = ExportedDetector(path, device=str(device))
    return ExportedPredictor(detector, read_frame_layout(cfg))
