"""Evidence of a detector as arrays: Grad-CAM, and the regions of RATF's filters.

Grad-CAM: Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via
Gradient-based Localization, ICCV 2017, Eqs. (1) and (2); RATF's paper shows it in its
Fig. 3 without naming the layer. The regions are those of its Fig. 4: each position
belongs to the basis filter with the largest weight there.

Both take one video's frames as model input, normalised and resized, and leave the
model's mode, gradients and random generators unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from mmaction.models.recognizers import Recognizer2D
from numpy.typing import NDArray
from torch import Tensor, nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.structures import FAKE

# Ours. ResNet's last map has 7 rows at 224 pixels but only 2 at 64 pixels, where an
# earlier layer is used.
MIN_ROWS_OF_HEAT = 7
# Ours. For display: RATF's deepest maps with at least this many rows.
MIN_ROWS_OF_REGIONS = 14


@dataclass(frozen=True)
class HeatMaps:
    """Grad-CAM of one video.

    Attributes:
        maps: (F, H, W) float32 in 0..1, at the size of the frames; 1 is the maximum of
            the video.
        raw: (F, h, w) float32, unscaled and at the layer's size, for comparing videos.
        layer: name of the layer; pass it to further calls to skip the search.
        fake_score: P(fake) of the video, from the mean of its frames' logits.
    """

    maps: NDArray[np.float32]
    raw: NDArray[np.float32]
    layer: str
    fake_score: float


@dataclass(frozen=True)
class BasisRegions:
    """Assignment of the positions of a video to the basis filters of one RATF.

    Attributes:
        weights: (S, R, h, w) float32, weight of each basis at each position, alpha of
            Eq. (3); they sum to 1 over R.
        taps: (S, C, R, K) float32, the basis filters of each snippet, Eq. (1): R
            filters of K taps for each of the C filtered channels.
        layer: name of the RATF in the model.
        frame_size: (H, W) of the frames.
    """

    weights: NDArray[np.float32]
    taps: NDArray[np.float32]
    layer: str
    frame_size: tuple[int, int]

    @property
    def chosen(self) -> NDArray[np.int64]:
        """Index of the basis with the largest weight: (S, h, w)."""
        return self.weights.argmax(axis=1)

    def chosen_at_frame_size(self) -> NDArray[np.int64]:
        """Return `chosen` enlarged to the frames, in blocks: (S, H, W)."""
        maps = torch.from_numpy(self.chosen)[:, None].double()
        large = F.interpolate(maps, self.frame_size, mode='nearest-exact')
        return large[:, 0].long().numpy()


def compute_heat_maps(
    model: nn.Module, frames: Tensor, *, layer: str | None = None
) -> HeatMaps:
    """Compute Grad-CAM of a video: its evidence for 'fake'.

    A channel's importance is the gradient of the video's logit, averaged over all
    positions of the T frames of a snippet. With T = 1 this is the paper's Eq. (1).

    Args:
        model: a 2D recognizer whose backbone keeps one map per frame.
        frames: (F, 3, H, W), F = S*T frames of one video, normalised by the model's
            data_preprocessor, on the model's device.
        layer: name of the layer, e.g. 'backbone.layer3'. None takes the deepest part of
            the backbone whose map has at least `MIN_ROWS_OF_HEAT` rows and columns.

    Raises:
        ConfigError: the model or the layer does not have one map per frame.
    """
    _check_frames(model, frames)
    with _in_eval_mode(model):
        layer = layer or find_heat_layer(model, frames)
        with record_heat(model, layer, num_frames=len(frames)) as record:
            logits, _ = model.extract_feat(frames[None], stage='head')
        raw = record.weigh(num_videos=1)
    return HeatMaps(
        maps=scale_to_frames(raw, tuple(frames.shape[-2:])).cpu().numpy(),
        raw=raw.cpu().numpy(),
        layer=layer,
        fake_score=logits.detach()[0].float().softmax(dim=0)[FAKE].item(),
    )


class HeatRecord:
    """What one forward pass of a recognizer leaves for Grad-CAM.

    Attributes:
        is_last: whether the backbone returned the layer's map itself, so that the
            gradient needs a pass through neck and head alone.
    """

    def __init__(self, model: nn.Module, layer: str, num_frames: int) -> None:
        self._model, self._layer = model, layer
        self._num_frames = num_frames
        self._map: Tensor | None = None
        self._passed: Tensor | None = None
        self._logits: Tensor | None = None
        self.is_last = False

    def weigh(self, *, num_videos: int) -> Tensor:
        """Compute Grad-CAM of each video's logit: (F, h, w), non-negative, unscaled.

        Args:
            num_videos: in the batch; each must be independent of the others.

        Raises:
            ConfigError: the layer did not run.
        """
        if self._map is None or self._logits is None:
            raise ConfigError(
                f'layer {self._layer!r} of {type(self._model).__name__} is not used in '
                'the forward pass, so it has no Grad-CAM; omit `layer` or name another'
            )
        with torch.enable_grad():
            # A video's logits are the mean of its rows', snippets or frames.
            by_video = self._logits.unflatten(0, (num_videos, -1)).mean(dim=1)
            (gradient,) = torch.autograd.grad(by_video[:, FAKE].sum(), self._map)
        return weigh_activation(
            self._map.detach().float(),
            gradient.float(),
            clip_len=_clip_len(self._model),
        )

    def cut_graph(self, _: nn.Module, __: tuple, output: Tensor | tuple) -> object:
        """Start the graph at the layer's map (forward hook of the layer)."""
        value = output[0] if isinstance(output, tuple) else output
        _check_map(value, self._num_frames, self._model, self._layer)
        # Earlier layers need no graph; a clone, since later ones may work in place.
        torch.set_grad_enabled(True)
        self._map = value.detach().requires_grad_()
        self._passed = self._map.clone()
        if isinstance(output, tuple):
            return (self._passed, *output[1:])
        return self._passed

    def compare(self, _: nn.Module, __: tuple, output: object) -> None:
        """Note whether the map left the backbone as it is (its forward hook)."""
        value = output[0] if isinstance(output, tuple) else output
        self.is_last = value is self._passed

    def keep_logits(self, _: nn.Module, __: tuple, output: Tensor) -> None:
        """Keep what the head returns (its forward hook)."""
        self._logits = output


@contextmanager
def record_heat(
    model: nn.Module, layer: str, *, num_frames: int
) -> Iterator[HeatRecord]:
    """Record one forward pass in this context for Grad-CAM.

    There are no gradients except from the layer on.

    Args:
        model: as in `compute_heat_maps`, in evaluation mode.
        layer: name of the layer.
        num_frames: of all videos of the batch.

    Raises:
        ConfigError: the model does not have the layer, or it has no map per frame.
    """
    record = HeatRecord(model, layer, num_frames)
    with (
        torch.no_grad(),
        _hooked([_find_layer(model, layer)], record.cut_graph),
        _hooked([model.backbone], record.compare),
        _hooked([model.cls_head], record.keep_logits),
    ):
        yield record


def normalise(model: nn.Module, inputs: Tensor, data_sample: object) -> Tensor:
    """Normalise frames with the model's data_preprocessor, and move them to its device.

    Args:
        model: has the data_preprocessor.
        inputs: (F, 3, H, W) uint8, as `PackActionInputs` packs them.
        data_sample: packed with them.

    Returns:
        (F, 3, H, W), as the functions of this module take them.
    """
    data = dict(inputs=[inputs], data_samples=[data_sample])
    with torch.no_grad():
        return model.data_preprocessor(data, training=False)['inputs'][0]


def weigh_activation(activation: Tensor, gradient: Tensor, *, clip_len: int) -> Tensor:
    """Sum the channels by importance and keep positive values, Eq. (2).

    Args:
        activation: (S*T, C, h, w).
        gradient: the same shape.
        clip_len: T.

    Returns:
        (S*T, h, w), non-negative.
    """
    snippets = gradient.unflatten(0, (-1, clip_len))  # (S, T, C, h, w)
    importance = snippets.mean(dim=(1, 3, 4)).repeat_interleave(clip_len, dim=0)
    return torch.einsum('fchw,fc->fhw', activation, importance).relu()


def scale_to_frames(raw: Tensor, frame_size: tuple[int, int]) -> Tensor:
    """Enlarge maps bilinearly and divide by the maximum: (F, H, W) in 0..1."""
    maps = F.interpolate(raw[:, None], frame_size, mode='bilinear')[:, 0]
    peak = maps.max()
    return maps / peak if peak > 0 else maps


def find_heat_layer(model: nn.Module, frames: Tensor) -> str:
    """Return the deepest part of the backbone whose maps have enough rows.

    If none has, return the last one with the largest maps.
    """
    _check_frames(model, frames)
    sizes: dict[str, int] = {}
    named = {part: name for name, part in _list_parts(model.backbone)}

    def note_size(part: nn.Module, _: tuple, output: object) -> None:
        value = output[0] if isinstance(output, tuple) and output else output
        if _is_map_per_frame(value, len(frames)):
            sizes.pop(named[part], None)  # a part that runs twice is listed last
            sizes[named[part]] = min(value.shape[-2:])

    with _in_eval_mode(model), torch.no_grad():
        with _hooked(list(named), note_size):
            model.backbone(frames)
    if not sizes:
        raise ConfigError(
            f'{type(model).__name__} with backbone {type(model.backbone).__name__}: '
            'no part of it has one map per frame, so Grad-CAM is not supported'
        )
    enough = [name for name, rows in sizes.items() if rows >= MIN_ROWS_OF_HEAT]
    largest = max(sizes.values())
    chosen = enough or [name for name, rows in sizes.items() if rows == largest]
    return f'backbone.{chosen[-1]}'


def list_ratf_layers(model: nn.Module) -> list[str]:
    """List the RATFs of a model by depth, e.g. 'backbone.layer2.0.temporal'."""
    return [
        name
        for name, module in model.named_modules()
        if hasattr(module, 'make_basis') and hasattr(module, 'make_weights')
    ]


def find_basis_regions(
    model: nn.Module, frames: Tensor, *, layer: str | None = None
) -> BasisRegions:
    """Compute the basis filters of one RATF and their weights at each position.

    Args:
        model: a 2D recognizer with a RATFNet or RATFLite0.
        frames: (F, 3, H, W) as in `compute_heat_maps`; F a multiple of T.
        layer: one of `list_ratf_layers`. None takes the deepest RATF whose map has at
            least `MIN_ROWS_OF_REGIONS` rows and columns.

    Raises:
        ConfigError: the model has no RATF, or none with this name.
    """
    _check_frames(model, frames)
    names = list_ratf_layers(model)
    if not names:
        raise ConfigError(
            f'{type(model).__name__} with backbone {type(model.backbone).__name__} has '
            'no RATF; regions of basis filters need a RATFNet or RATFLite0'
        )
    if layer is not None and layer not in names:
        raise ConfigError(
            f'layer {layer!r} is not a RATF of this model; allowed: ' + ', '.join(names)
        )
    inputs: dict[nn.Module, Tensor] = {}

    def keep_input(module: nn.Module, given: tuple, _: object) -> None:
        inputs[module] = given[0]

    modules = {name: model.get_submodule(name) for name in names}
    with _in_eval_mode(model), torch.no_grad():
        wanted = list(modules.values()) if layer is None else [modules[layer]]
        with _hooked(wanted, keep_input):
            model.backbone(frames)
        layer = layer or _deepest_large(modules, inputs)
        ratf = modules[layer]
        snippets = inputs[ratf].unflatten(0, (-1, ratf.clip_len))
        features = snippets[:, :, : ratf.num_filtered]  # (S, T, c, h, w)
        return BasisRegions(
            weights=ratf.make_weights(features).float().cpu().numpy(),
            taps=ratf.make_basis(features).float().cpu().numpy(),
            layer=layer,
            frame_size=tuple(frames.shape[-2:]),
        )


def _deepest_large(modules: dict[str, nn.Module], inputs: dict) -> str:
    rows = {name: min(inputs[module].shape[-2:]) for name, module in modules.items()}
    enough = [name for name, count in rows.items() if count >= MIN_ROWS_OF_REGIONS]
    return enough[-1] if enough else max(rows, key=rows.__getitem__)


def _list_parts(backbone: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the backbone's parts, and the steps of sequences."""
    for name, part in backbone.named_children():
        yield name, part
        if isinstance(part, nn.Sequential | nn.ModuleList):
            yield from ((f'{name}.{index}', one) for index, one in enumerate(part))


def _clip_len(model: nn.Module) -> int:
    own = getattr(model, 'clip_len', None)
    return own or getattr(model.backbone, 'clip_len', None) or 1


def _check_frames(model: nn.Module, frames: Tensor) -> None:
    if not isinstance(model, Recognizer2D):
        raise ConfigError(
            f'{type(model).__name__} is not supported: heat maps and regions need a 2D '
            'recognizer (Recognizer2D, SnippetRecognizer, FrameRecognizer), whose '
            'backbone keeps one map per frame'
        )
    if frames.dim() != 4 or frames.shape[1] != 3:
        raise ConfigError(
            f'frames of shape {tuple(frames.shape)}: need (frames of one video, 3, '
            'rows, columns)'
        )
    if frames.shape[0] % _clip_len(model):
        raise ConfigError(
            f'{frames.shape[0]} frames of a video: need a multiple of the '
            f'{_clip_len(model)} frames of a snippet'
        )


def _is_map_per_frame(value: object, num_frames: int) -> bool:
    is_map = isinstance(value, Tensor) and value.dim() == 4
    return is_map and len(value) == num_frames


def _check_map(value: object, num_frames: int, model: nn.Module, layer: str) -> None:
    if not _is_map_per_frame(value, num_frames):
        got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ConfigError(
            f'layer {layer!r} of {type(model).__name__} returns {got}: Grad-CAM needs '
            f'one map per frame, ({num_frames}, channels, rows, columns)'
        )


def _find_layer(model: nn.Module, layer: str) -> nn.Module:
    modules = dict(model.named_modules())
    if layer not in modules:
        parts = [f'backbone.{name}' for name, _ in _list_parts(model.backbone)]
        raise ConfigError(
            f'{type(model).__name__} has no layer {layer!r}; use for example '
            + ', '.join(parts)
        )
    return modules[layer]


@contextmanager
def _in_eval_mode(model: nn.Module) -> Iterator[None]:
    """Run in eval mode, then restore the mode of every module."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def _hooked(modules: list[nn.Module], hook: Callable) -> Iterator[None]:
    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
