"""An exported file used by `DeepfakeInferencer` instead of a checkpoint."""

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
    """Score packed groups of snippets with an `ExportedDetector`.

    Raises:
        ConfigError: the config packs frames that the file does not take.
    """

    def __init__(self, detector: ExportedDetector, layout: FrameLayout) -> None:
        metadata = detector.metadata
        for name in ('clip_len', 'stride_frames', 'height', 'width', 'is_3d'):
            wanted, given = getattr(metadata, name), getattr(layout, name)
            if wanted != given:
                raise ConfigError(
                    f'{detector.path.name} was exported with {metadata.config}, for '
                    f'{name} = {wanted}, but the given config has {given}; give the '
                    'config of the export'
                )
        self._detector = detector
        self._layout = layout

    def predict(self, inputs: Sequence[Tensor]) -> list[GroupPrediction]:
        """Score groups, those of one shape in one batch; see `Predictor`."""
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
        """Raise: an exported file has no gradients."""
        raise ConfigError(
            f'{self._detector.path.name} is an exported file; heat maps need its '
            'checkpoint'
        )

    def describe(self) -> dict[str, Any]:
        """Return facts from the metadata, and the hash of the file."""
        metadata, path = self._detector.metadata, self._detector.path
        names = ('config', 'model', 'checkpoint', 'checkpoint_sha256', 'threshold')
        names += ('lower_threshold', 'temperature', 'is_calibrated', 'made_with')
        names += ('training_data',)
        return {
            'kind': metadata.format,
            'file': path.name,
            'sha256': hashlib.sha256(path.read_bytes()).hexdigest(),
            **{name: getattr(metadata, name) for name in names},
        }


def load_exported_predictor(
    cfg: Config, path: Path, device: torch.device
) -> ExportedPredictor:
    """Open an exported file for the groups that a config packs."""
    detector = ExportedDetector(path, device=str(device))
    return ExportedPredictor(detector, read_frame_layout(cfg))
