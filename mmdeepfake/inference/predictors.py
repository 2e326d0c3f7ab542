"""From packed snippets to scores, with a checkpoint or an exported file."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping, Sequence
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
from mmdeepfake.models.inference_folding import prepare_for_inference
from mmdeepfake.registry import MODELS
from mmdeepfake.structures import FAKE
from mmdeepfake.structures.training_data import TRAINING_DATA
from mmdeepfake.visualization.evidence import (
    HeatRecord,
    compute_heat_maps,
    find_heat_layer,
    record_heat,
)

from .choices import ALL_HEAT, BFLOAT16, FLOAT32, NO_HEAT
from .config_pipeline import Sampling
from .precision import Precision
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
        heat: as `Predictor.explain` returns it, if it came with the scores at little
            cost; None if it has to be asked for.
    """

    fake_score: float
    snippet_scores: tuple[float, ...] = ()
    heat: NDArray[np.float32] | None = None


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
    """Score with a model and the weights of a checkpoint; see `Predictor`.

    Args:
        model: with its final weights; `prepare_for_inference` changes it.
        sampling: of the groups.
        device: of the model.
        facts: of `describe`.
        dtype: see `Precision`.
        heat_map: whether heat maps of no, of some ('peak') or of all groups will be
            wanted. They come with the scores if all are, or if the heat layer is the
            backbone's last, so that they take no further pass through it.
    """

    def __init__(
        self,
        model: nn.Module,
        sampling: Sampling,
        device: torch.device,
        facts: Mapping[str, Any],
        *,
        dtype: str = FLOAT32,
        heat_map: str = NO_HEAT,
    ) -> None:
        self._precision = Precision(dtype, device)
        self.model = model.to(device).eval()
        self._facts = {**facts, **prepare_for_inference(self.model)}
        self._meta = dict(num_clips=sampling.num_snippets, clip_len=sampling.clip_len)
        self._device = device
        self._heat_layer: str | None = None
        self._heats_all = heat_map == ALL_HEAT
        self._heats_along = heat_map != NO_HEAT

    def predict(self, inputs: Sequence[Tensor]) -> list[GroupPrediction]:
        """See `Predictor`."""
        try:
            if self._precision.needs_check:
                self._precision.check(lambda: self._score_one(inputs[0]), self.model)
            with self._precision.applied(self.model):
                return self._predict(inputs)
        except torch.cuda.OutOfMemoryError as error:
            raise ConfigError(
                f'{len(inputs) * self._meta["num_clips"]} snippets at once exceed the '
                'memory of the GPU; lower the batch size'
            ) from error

    def explain(self, inputs: Tensor) -> NDArray[np.float32]:
        """See `Predictor`; uses Grad-CAM."""
        frames = self._normalise(inputs)
        with self._precision.applied(self.model):
            layer = self._find_heat_layer(frames)
            heat = compute_heat_maps(self.model, frames, layer=layer)
        return np.maximum(heat.raw, 0)

    def describe(self) -> dict[str, Any]:
        """See `Predictor`."""
        return {**self._facts, **self._precision.describe()}

    def features(self, inputs: Tensor) -> NDArray[np.float32]:
        """Return what the classifier of a group sees: (rows, D), often a row a snippet.

        Raises:
            ConfigError: the model's head has no linear layer.
        """
        layers = [m for m in self.model.cls_head.modules() if isinstance(m, nn.Linear)]
        if not layers:
            raise ConfigError('the head of this model has no linear layer')
        seen: list[Tensor] = []
        hook = layers[-1].register_forward_pre_hook(lambda _, x: seen.append(*x))
        try:
            self.predict([inputs])
        finally:
            hook.remove()
        return seen[-1].detach().flatten(0, -2).float().cpu().numpy()

    def _predict(self, inputs: Sequence[Tensor]) -> list[GroupPrediction]:
        layer = self._layer_of_scoring(inputs[0])
        if layer is None:
            with torch.no_grad():
                return [self._read(one) for one in self._test(inputs)]
        num_frames = sum(map(len, inputs))
        with record_heat(self.model, layer, num_frames=num_frames) as record:
            samples = self._test(inputs)
        self._heats_along = self._heats_all or record.is_last
        if not self._heats_along:
            return [self._read(one) for one in samples]
        maps = self._weigh(record, len(inputs))
        return [self._read(one, heat) for one, heat in zip(samples, maps, strict=True)]

    def _weigh(self, record: HeatRecord, num_groups: int) -> NDArray[np.float32]:
        """Return the heat maps of each group: (B, S*T, h, w)."""
        maps = record.weigh(num_videos=num_groups)
        return maps.unflatten(0, (num_groups, -1)).cpu().numpy()

    def _layer_of_scoring(self, inputs: Tensor) -> str | None:
        """Return the heat layer, if heat maps shall come with the scores."""
        if not self._heats_along:
            return None
        try:
            return self._find_heat_layer(self._normalise(inputs))
        except ConfigError:
            if self._heats_all:
                raise
            self._heats_along = False  # `explain` gives the reason
            return None

    def _find_heat_layer(self, frames: Tensor) -> str:
        if self._heat_layer is None:
            # One snippet shows the sizes of the maps, if the backbone says how long it
            # is; others may need all of the group's.
            num_frames = getattr(self.model.backbone, 'clip_len', len(frames))
            self._heat_layer = find_heat_layer(self.model, frames[:num_frames])
        return self._heat_layer

    def _normalise(self, inputs: Tensor) -> Tensor:
        return self.model.data_preprocessor(self._batch([inputs]))['inputs'][0]

    def _score_one(self, inputs: Tensor) -> tuple[float, ...]:
        with torch.no_grad():
            (prediction,) = map(self._read, self._test([inputs]))
        return (prediction.fake_score, *prediction.snippet_scores)

    def _test(self, inputs: Sequence[Tensor]) -> list[ActionDataSample]:
        return self.model.test_step(self._batch(inputs))

    def _batch(self, inputs: Sequence[Tensor]) -> dict[str, Any]:
        samples = [ActionDataSample(metainfo=dict(self._meta)) for _ in inputs]
        return {'inputs': list(inputs), 'data_samples': samples}

    def _read(
        self, sample: ActionDataSample, heat: NDArray[np.float32] | None = None
    ) -> GroupPrediction:
        scores = sample.get('snippet_scores')
        by_snippet: list[float] = []
        if scores is not None and scores.numel() == self._meta['num_clips']:
            by_snippet = scores.detach().double().flatten().tolist()
        fake_score = float(sample.pred_score[FAKE].detach())
        return GroupPrediction(fake_score, tuple(by_snippet), heat)


def load_predictor(
    cfg: Config,
    checkpoint: Path,
    sampling: Sampling,
    device: torch.device,
    *,
    dtype: str = FLOAT32,
    heat_map: str = NO_HEAT,
) -> Predictor:
    """Load a checkpoint, or an exported model, recognised by its suffix.

    An exported model computes in the type of its export.

    Raises:
        InputError: the file is missing, holds more than plain data, does not fit the
            config's model, or is an exported one that shall compute in bfloat16.
    """
    if not checkpoint.is_file():
        raise DataNotFoundError(
            f'no checkpoint {str(checkpoint)!r}: a verdict needs trained weights'
        )
    if checkpoint.suffix in _EXPORTED_SUFFIXES:
        if dtype == BFLOAT16:
            raise ConfigError(
                f'dtype {dtype!r} for {checkpoint.name}: an exported model computes in '
                'the type of its export; give its checkpoint'
            )
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
    return TorchPredictor(
        model, sampling, device, facts, dtype=dtype, heat_map=heat_map
    )


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
