"""From packed snippets to scores, with a checkpoint or an exported file."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import CheckpointLoader
from numpy.typing import NDArray
from torch import Tensor, nn

from mmdeepfake.engine.hooks.strict_checkpoint_hook import (
    describe_difference,
    describe_model,
    describe_origin,
)
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError, InputError
from mmdeepfake.models.inference_folding import keep_composed_kernels
from mmdeepfake.registry import MODELS
from mmdeepfake.structures import FAKE
from mmdeepfake.structures.training_data import TRAINING_DATA
from mmdeepfake.visualization.evidence import HeatMaps, compute_heat_maps

from .config_pipeline import Sampling
from .published_detector import is_published, read_published_weights

# `export` is a room above this one: its module is imported by name when needed.
_EXPORTED_SUFFIXES = ('.onnx', '.torchscript', '.pt2')
_EXPORTED_MODULE = 'mmdeepfake.export.predictor'


@dataclass(frozen=True)
class GroupPrediction:
    """The scores of S snippets that the model saw together.

    Attributes:
        fake_score: P(fake) of all, as the model scores a video of S snippets.
        snippet_scores: (S,) P(fake) of each; empty if the model has none.
    """

    fake_score: float
    snippet_scores: tuple[float, ...] = ()


class Predictor(Protocol):
    """Interface of a scorer of packed groups of snippets."""

    def predict(self, inputs: Sequence[Tensor]) -> list[GroupPrediction]:
        """Score groups in one pass.

        Args:
            inputs: one per group, as the config's pipeline packs them: uint8,
                (S*T, 3, H, W) or (S, 3, T, H, W), not normalised.
        """
        ...

    def explain(self, inputs: Tensor) -> NDArray[np.float32]:
        """Return heat maps of a group: (S*T, h, w), non-negative, on any scale.

        Raises:
            ConfigError: this predictor has no heat maps.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Return facts for readers of the scores, as plain JSON values."""
        ...


class TorchPredictor:
    """Score with a model and the weights of a checkpoint; see `Predictor`."""

    def __init__(
        self,
        model: nn.Module,
        sampling: Sampling,
        device: torch.device,
        facts: Mapping[str, Any],
    ) -> None:
        self.model = model.to(device).eval()
        keep_composed_kernels(self.model)  # the weights are final
        self._meta = dict(num_clips=sampling.num_snippets, clip_len=sampling.clip_len)
        self._clip_len = sampling.clip_len
        self._device = device
        self._facts = dict(facts)
        self._heat_layer: str | None = None

    def predict(self, inputs: Sequence[Tensor]) -> list[GroupPrediction]:
        """See `Predictor`."""
        try:
            with torch.no_grad():
                samples = self.model.test_step(self._batch(inputs))
        except torch.cuda.OutOfMemoryError as error:
            raise ConfigError(
                f'{len(inputs) * self._meta["num_clips"]} snippets at once exceed the '
                'memory of the GPU; lower the batch size'
            ) from error
        return [self._read(sample) for sample in samples]

    def explain(self, inputs: Tensor) -> NDArray[np.float32]:
        """See `Predictor`; uses Grad-CAM."""
        normalised = self.model.data_preprocessor(self._batch([inputs]))['inputs'][0]
        heat: HeatMaps = compute_heat_maps(
            self.model, normalised, layer=self._heat_layer
        )
        self._heat_layer = heat.layer
        return np.maximum(heat.raw, 0)

    def describe(self) -> dict[str, Any]:
        """See `Predictor`."""
        return dict(self._facts)

    def _batch(self, inputs: Sequence[Tensor]) -> dict[str, Any]:
        samples = [ActionDataSample(metainfo=dict(self._meta)) for _ in inputs]
        return {'inputs': list(inputs), 'data_samples': samples}

    def _read(self, sample: ActionDataSample) -> GroupPrediction:
        scores = sample.get('snippet_scores')
        by_snippet: list[float] = []
        if scores is not None and scores.numel() == self._meta['num_clips']:
            by_snippet = scores.double().flatten().tolist()
        return GroupPrediction(float(sample.pred_score[FAKE]), tuple(by_snippet))


def load_predictor(
    cfg: Config, checkpoint: Path, sampling: Sampling, device: torch.device
) -> Predictor:
    """Load a checkpoint, or an exported model, recognised by its suffix.

    Raises:
        InputError: the file is missing, holds more than plain data, or does not fit the
            config's model.
    """
    if not checkpoint.is_file():
        raise DataNotFoundError(
            f'no checkpoint {str(checkpoint)!r}: a verdict needs trained weights'
        )
    if checkpoint.suffix in _EXPORTED_SUFFIXES:
        module = importlib.import_module(_EXPORTED_MODULE)
        return module.load_exported_predictor(cfg, checkpoint, device)
    model, meta = load_model(cfg, checkpoint)
    names = ('name', 'figures', 'licence') if is_published(checkpoint) else ()
    facts = {
        'kind': 'published detector' if names else 'checkpoint',
        'checkpoint': checkpoint.name,
        'sha256': hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        'model': describe_model(cfg.model),
        TRAINING_DATA: meta.get(TRAINING_DATA),
        **{n: meta[n] for n in (*names, 'epoch', 'iter', 'time') if n in meta},
    }
    return TorchPredictor(model, sampling, device, facts)


def load_model(cfg: Config, path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Build the config's model with all of its weights from a file.

    Returns:
        The model, and the checkpoint's metadata.

    Raises:
        DataError: the file is not a checkpoint of this model after training.
        ConfigError: the config's model cannot be built.
    """
    if is_published(path):
        loaded = read_published_weights(path)
    else:
        loaded = CheckpointLoader.load_checkpoint(str(path), map_location='cpu')
    weights = loaded.get('state_dict', loaded) if isinstance(loaded, Mapping) else None
    if not isinstance(weights, Mapping) or not all(
        isinstance(value, Tensor) for value in weights.values()
    ):
        raise DataError(f'checkpoint {str(path)!r} has no model weights')
    meta = loaded.get('meta') or {}
    if meta.get('iter') == 0:
        raise DataError(
            f'checkpoint {str(path)!r} was saved before the first step of training; '
            'a verdict needs trained weights'
        )
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    try:
        model = MODELS.build(cfg.model)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f'the model of the config cannot be built: {error}') from None
    weights = {key.removeprefix('module.'): value for key, value in weights.items()}
    difference = describe_difference(model.state_dict(), weights)
    if difference:
        origin = describe_origin(loaded)
        raise DataError(
            f"checkpoint {str(path)!r} does not fit the config's model "
            f'({describe_model(cfg.model)}): {difference}.'
            + (f' It seems to be of {origin}.' if origin else '')
            + ' Give the config that it was trained with'
        )
    broken = [key for key, value in weights.items() if not value.isfinite().all()]
    if broken:
        raise DataError(
            f'checkpoint {str(path)!r}: {len(broken)} of {len(weights)} tensors have '
            f'values that are not finite ({broken[0]}, ...); the training diverged'
        )
    model.load_state_dict(weights, strict=False)  # old files may lack a counter
    return model, meta


class GroupBatches:
    """Score groups in batches of `num_groups`, filled across faces and videos."""

    def __init__(self, predictor: Predictor, num_groups: int) -> None:
        self._predictor = predictor
        self._num_groups = num_groups
        self._waiting: list[tuple[Tensor, Callable[[GroupPrediction], None]]] = []

    def add(self, inputs: Tensor, receive: Callable[[GroupPrediction], None]) -> None:
        """Add a group; `receive` is called with its scores."""
        # Groups of other shapes (pipelines that keep the frame size) cannot share a
        # batch.
        if self._waiting and self._waiting[0][0].shape != inputs.shape:
            self.flush()
        self._waiting.append((inputs, receive))
        if len(self._waiting) == self._num_groups:
            self.flush()

    def flush(self) -> None:
        """Score the waiting groups, even if the batch is not full."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        predictions = self._predictor.predict([inputs for inputs, _ in waiting])
        for (_, receive), prediction in zip(waiting, predictions, strict=True):
            receive(prediction)
