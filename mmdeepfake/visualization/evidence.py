"""What a detector looked at, as arrays: Grad-CAM, and the regions that RATF forms.

Grad-CAM: Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via
Gradient-based Localization, ICCV 2017, Eqs. (1) and (2); RATF's paper shows it in its
Fig. 3 and does not say of which layer. The regions are those of its Fig. 4: each
position goes to the basis filter that has the greatest weight there.

Both take one video's frames as the model sees them, normalised and resized, and leave
the model as it was: its mode, its gradients and the state of the random generators.
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

# Ours. ResNet's last map has 7 rows at 224 pixels; at 64 pixels it has 2, which show no
# place at all, so there an earlier layer is taken.
MIN_ROWS_OF_HEAT = 7
# Ours. Regions are drawn to be looked at: RATF's deepest maps of this many rows.
MIN_ROWS_OF_REGIONS = 14


@dataclass(frozen=True)
class HeatMaps:
    """Grad-CAM of one video.

    Attributes:
        maps: (F, H, W) float32 in 0..1, at the size of the frames that were given; 1 is
            the hottest position of the video.
        raw: (F, h, w) float32, the same at the layer's own size and in its own units:
            what `maps` was scaled from, for comparing videos.
        layer: name of the layer in the model; hand it to further calls to spare the
            search for it.
        fake_score: P(fake) of the video, of the mean of its frames' logits.
    """

    maps: NDArray[np.float32]
    raw: NDArray[np.float32]
    layer: str
    fake_score: float

    @property
    def is_blank(self) -> bool:
        """Whether no position speaks for 'fake': `maps` is zero everywhere."""
        return not self.raw.any()


@dataclass(frozen=True)
class BasisRegions:
    """How one RATF shares out the positions of a video among its basis filters.

    Attributes:
        weights: (S, R, h, w) float32, share of each basis at each position, alpha of
            Eq. (3); they sum to 1 over R.
        taps: (S, C, R, K) float32, the basis filters of each snippet, Eq. (1): R
            filters of K taps for each of the C channels that are filtered.
        layer: name of the RATF in the model.
        frame_size: (H, W) of the frames that were given.
    """

    weights: NDArray[np.float32]
    taps: NDArray[np.float32]
    layer: str
    frame_size: tuple[int, int]

    @property
    def chosen(self) -> NDArray[np.int64]:
        """(S, h, w), index of the basis with the greatest weight."""
        return self.weights.argmax(axis=1)

    @property
    def mean_taps(self) -> NDArray[np.float32]:
        """(S, R, K), the basis filters averaged over the channels."""
        return self.taps.mean(axis=1)

    def chosen_at_frame_size(self) -> NDArray[np.int64]:
        """(S, H, W), `chosen` enlarged to the frames, each position to a block."""
        maps = torch.from_numpy(self.chosen)[:, None].double()
        return (
            F.interpolate(maps, self.frame_size, mode='nearest-exact')[:, 0]
            .long()
            .numpy()
        )


def compute_heat_maps(
    model: nn.Module, frames: Tensor, *, layer: str | None = None, target: int = FAKE
) -> HeatMaps:
    """Compute Grad-CAM of a video: where its frames speak for 'fake'.

    A channel's importance is the gradient of the video's logit, averaged over all
    positions of a snippet: its T frames are one input, as the h w positions of an image
    are. With T = 1 this is the paper's Eq. (1).

    Args:
        model: a 2D recognizer, any whose backbone keeps one map a frame.
        frames: (F, 3, H, W), F = S*T frames of one video, normalised as the model's
            data_preprocessor does it; on the model's device.
        layer: name of the layer within the model, as 'backbone.layer3'. None takes the
            deepest part of the backbone whose map has at least `MIN_ROWS_OF_HEAT`
            rows and columns.
        target: the class whose evidence is drawn; FAKE by default.

    Raises:
        ConfigError: the model or the layer has no map for each frame.
    """
    _check_frames(model, frames)
    with _untouched(model):
        layer = layer or find_heat_layer(model, frames)
        module = _find_layer(model, layer)
        kept: list[Tensor] = []

        def cut_graph(_: nn.Module, __: tuple, output: Tensor | tuple) -> object:
            value = output[0] if isinstance(output, tuple) else output
            _check_map(value, frames, model, layer)
            # What lies before the layer needs no graph; a clone, since what follows
            # may change its input in place.
            torch.set_grad_enabled(True)
            kept.append(value.detach().requires_grad_())
            clone = kept[-1].clone()
            return (clone, *output[1:]) if isinstance(output, tuple) else clone

        with torch.no_grad(), _hooked([module], cut_graph):
            logits, _ = model.extract_feat(frames[None], stage='head')
            if not kept:
                raise ConfigError(
                    f'layer {layer!r} of {type(model).__name__}: it takes no part in '
                    'the forward pass, so it has no Grad-CAM; leave `layer` out, or '
                    'name another'
                )
            (gradient,) = torch.autograd.grad(logits[0, target], kept[0])
    fake_score = logits.detach()[0].float().softmax(dim=0)[FAKE].item()
    raw = weigh_activation(
        kept[0].detach().float(), gradient.float(), clip_len=_clip_len(model)
    )
    return HeatMaps(
        maps=scale_to_frames(raw, tuple(frames.shape[-2:])).cpu().numpy(),
        raw=raw.cpu().numpy(),
        layer=layer,
        fake_score=fake_score,
    )


def normalise(model: nn.Module, inputs: Tensor, data_sample: object) -> Tensor:
    """Give a video's frames as the model's data_preprocessor hands them on.

    Args:
        model: whose data_preprocessor moves them to its device, too.
        inputs: (F, 3, H, W) uint8, as `PackActionInputs` packs them.
        data_sample: what it packs beside them.

    Returns:
        (F, 3, H, W), as the functions of this module take them.
    """
    data = dict(inputs=[inputs], data_samples=[data_sample])
    with torch.no_grad():
        return model.data_preprocessor(data, training=False)['inputs'][0]


def weigh_activation(activation: Tensor, gradient: Tensor, *, clip_len: int) -> Tensor:
    """Sum the channels by their importance and keep what is positive, Eq. (2).

    Args:
        activation: (S*T, C, h, w).
        gradient: the same shape.
        clip_len: T.

    Returns:
        (S*T, h, w), 0 or more.
    """
    snippets = gradient.unflatten(0, (-1, clip_len))  # (S, T, C, h, w)
    importance = snippets.mean(dim=(1, 3, 4)).repeat_interleave(clip_len, dim=0)
    return torch.einsum('fchw,fc->fhw', activation, importance).relu()


def scale_to_frames(raw: Tensor, frame_size: tuple[int, int]) -> Tensor:
    """Enlarge maps bilinearly and divide by the greatest value: (F, H, W) in 0..1."""
    maps = F.interpolate(raw[:, None], frame_size, mode='bilinear')[:, 0]
    peak = maps.max()
    return maps / peak if peak > 0 else maps


def find_heat_layer(
    model: nn.Module, frames: Tensor, *, min_rows: int = MIN_ROWS_OF_HEAT
) -> str:
    """Name the deepest part of the backbone whose maps have enough rows.

    Where none has, the last of those with the largest maps is named.

    Args:
        model: see `compute_heat_maps`.
        frames: (F, 3, H, W).
        min_rows: rows and columns of a map that are enough.
    """
    _check_frames(model, frames)
    sizes: dict[str, int] = {}
    named = {part: name for name, part in _list_parts(model.backbone)}

    def note_size(part: nn.Module, _: tuple, output: object) -> None:
        value = output[0] if isinstance(output, tuple) and output else output
        if _is_map_per_frame(value, frames):
            sizes.pop(named[part], None)  # a part that runs twice stands where it ends
            sizes[named[part]] = min(value.shape[-2:])

    with _untouched(model), torch.no_grad():
        with _hooked(list(named), note_size):
            model.backbone(frames)
    if not sizes:
        raise ConfigError(
            f'{type(model).__name__} with backbone {type(model.backbone).__name__}: '
            'no part of it gives a map for each frame, so it has no Grad-CAM here'
        )
    enough = [name for name, rows in sizes.items() if rows >= min_rows]
    largest = max(sizes.values())
    chosen = enough or [name for name, rows in sizes.items() if rows == largest]
    return f'backbone.{chosen[-1]}'


def list_ratf_layers(model: nn.Module) -> list[str]:
    """Name the RATFs of a model in order of depth, as 'backbone.layer2.0.temporal'.

    Empty where the model has none.
    """
    return [
        name
        for name, module in model.named_modules()
        if hasattr(module, 'make_basis') and hasattr(module, 'make_weights')
    ]


def find_basis_regions(
    model: nn.Module, frames: Tensor, *, layer: str | None = None
) -> BasisRegions:
    """Compute the basis filters of one RATF, and which of them rules where.

    Args:
        model: a 2D recognizer with a RATFNet.
        frames: (F, 3, H, W) as in `compute_heat_maps`; F a multiple of T.
        layer: one of `list_ratf_layers`. None takes the deepest RATF whose map has at
            least `MIN_ROWS_OF_REGIONS` rows and columns.

    Raises:
        ConfigError: the model has no RATF, or none of this name.
    """
    _check_frames(model, frames)
    names = list_ratf_layers(model)
    if not names:
        raise ConfigError(
            f'{type(model).__name__} with backbone {type(model.backbone).__name__} has '
            'no RATF, so no regions of basis filters: need a RATFNet'
        )
    if layer is not None and layer not in names:
        raise ConfigError(
            f'layer {layer!r}: no RATF of this model; allowed are ' + ', '.join(names)
        )
    inputs: dict[nn.Module, Tensor] = {}

    def keep_input(module: nn.Module, given: tuple, _: object) -> None:
        inputs[module] = given[0]

    modules = {name: model.get_submodule(name) for name in names}
    with _untouched(model), torch.no_grad():
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
    """Give the backbone's parts, and the steps of those that are sequences."""
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
            f'{type(model).__name__} cannot be looked into: need a 2D recognizer '
            '(Recognizer2D, SnippetRecognizer, FrameRecognizer), whose backbone keeps '
            'one map a frame'
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


def _is_map_per_frame(value: object, frames: Tensor) -> bool:
    is_map = isinstance(value, Tensor) and value.dim() == 4
    return is_map and value.shape[0] == frames.shape[0]


def _check_map(value: object, frames: Tensor, model: nn.Module, layer: str) -> None:
    if not _is_map_per_frame(value, frames):
        got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ConfigError(
            f'layer {layer!r} of {type(model).__name__} gives {got}: Grad-CAM needs a '
            f'map for each frame, ({frames.shape[0]}, channels, rows, columns)'
        )


def _find_layer(model: nn.Module, layer: str) -> nn.Module:
    modules = dict(model.named_modules())
    if layer not in modules:
        parts = [f'backbone.{name}' for name, _ in _list_parts(model.backbone)]
        raise ConfigError(
            f'layer {layer!r}: {type(model).__name__} has none of this name; such are '
            + ', '.join(parts)
        )
    return modules[layer]


@contextmanager
def _untouched(model: nn.Module) -> Iterator[None]:
    """Run in eval mode, then give every module its own mode back."""
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
