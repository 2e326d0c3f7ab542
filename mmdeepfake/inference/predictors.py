"""From packed snippets to scores: by a checkpoint, or by an exported file."""

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
from mmdeepfake.visualization.evidence import HeatMaps, compute_heat_maps

from .config_pipeline import Sampling

# Suffix of an exported file -> 'module:function' that makes its predictor, called as
# function(cfg, path, device). Imported when such a file is given.
EXPORTED: dict[str, str] = dict.fromkeys(
    ('.onnx', '.torchscript', '.pt2'),
    'mmdeepfake.export.predictor:load_exported_predictor',
)


@dataclass(frozen=True)
class GroupPrediction:
    """What a model says of S snippets that it saw together.

    Attributes:
        fake_score: P(fake) of them all, as the model scores a video of S snippets.
        snippet_scores: (S,) P(fake) of each; empty where the model tells none.
    """

    fake_score: float
    snippet_scores: tuple[float, ...] = ()


class Predictor(Protocol):
    """Anything that scores packed groups of snippets."""

    def predict(self, inputs: Sequence[Tensor]) -> list[GroupPrediction]:
        """Score groups in one pass.

        Args:
            inputs: one a group, as the config's pipeline packs them: uint8 of
                (S*T, 3, H, W) or (S, 3, T, H, W), not normalised.
        """
        ...

    def explain(self, inputs: Tensor) -> NDArray[np.float32]:
        """Tell where a group looks fake: (S*T, h, w), 0 and above, on any scale.

        Raises:
            ConfigError: this predictor cannot tell.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Give the facts that a reader of the scores needs: plain JSON values."""
        ...


class TorchPredictor:
    """Scores by a model of ours and the weights of a checkpoint.

    Args:
        model: with its weights, in any mode.
        sampling: of the config, told to the model with every group.
        device: where it runs.
        facts: see `Predictor.describe`.
    """

    def __init__(
        self,
        model: nn.Module,
        sampling: Sampling,
        device: torch.device,
        facts: Mapping[str, Any],
    ) -> None:
        self.model = model.to(device).eval()
        keep_composed_kernels(self.model)  # its weights are final
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
                f'{len(inputs) * self._meta["num_clips"]} snippets at once do not fit '
                'into the memory of the GPU; lower the batch size'
            ) from error
        return [self._read(sample) for sample in samples]

    def explain(self, inputs: Tensor) -> NDArray[np.float32]:
        """See `Predictor`; by Grad-CAM."""
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
    """Make the predictor of a file: a checkpoint, or by its suffix an exported model.

    Raises:
        InputError: the file is missing, holds more than plain data, or is not of the
            config's model.
    """
    if not checkpoint.is_file():
        raise DataNotFoundError(
            f'no checkpoint {str(checkpoint)!r}. Without trained weights there is no '
            'verdict: what a randomly initialised model says means nothing'
        )
    if checkpoint.suffix in EXPORTED:
        module, _, name = EXPORTED[checkpoint.suffix].partition(':')
        make: Callable[..., Predictor] = getattr(importlib.import_module(module), name)
        return make(cfg, checkpoint, device)
    model, meta = load_model(cfg, checkpoint)
    facts = {
        'kind': 'checkpoint',
        'checkpoint': checkpoint.name,
        'sha256': hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        'model': describe_model(cfg.model),
        **{name: meta[name] for name in ('epoch', 'iter', 'time') if name in meta},
    }
    return TorchPredictor(model, sampling, device, facts)


def load_model(cfg: Config, path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Build the config's model with the weights of a file, all of them or none.

    Returns:
        The model, and what the checkpoint says of its training.

    Raises:
        DataError: the file is no checkpoint, or not one of a trained such model.
        ConfigError: the config's model cannot be built.
    """
    loaded = CheckpointLoader.load_checkpoint(str(path), map_location='cpu')
    weights = loaded.get('state_dict', loaded) if isinstance(loaded, Mapping) else None
    if not isinstance(weights, Mapping) or not all(
        isinstance(value, Tensor) for value in weights.values()
    ):
        raise DataError(f'checkpoint {str(path)!r} holds no weights of a model')
    meta = loaded.get('meta') or {}
    if meta.get('iter') == 0:
        raise DataError(
            f'checkpoint {str(path)!r} was saved before the first step of training: '
            'its weights are random, and there is no verdict without trained ones'
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
            f'checkpoint {str(path)!r} is not of the model of the config '
            f'({describe_model(cfg.model)}): {difference}.'
            + (f' It seems to be of {origin}.' if origin else '')
            + ' What does not fit would keep random weights, so there is no verdict; '
            'give the config that it was trained with'
        )
    broken = [key for key, value in weights.items() if not value.isfinite().all()]
    if broken:
        raise DataError(
            f'checkpoint {str(path)!r}: {len(broken)} of {len(weights)} tensors hold '
            f'values that are not finite ({broken[0]}, ...); the training diverged'
        )
    model.load_state_dict(weights, strict=False)  # but a counter old files may lack
    return model, meta
