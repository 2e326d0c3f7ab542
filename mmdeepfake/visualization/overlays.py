"""Draw heat maps, regions and masks over frames.

Colours suit colour-blind readers: heat uses matplotlib's inferno, whose lightness is
monotonic, and regions use Okabe and Ito's colours without orange and blue, which mean
fake and real.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError

Images = NDArray[np.uint8]

HEAT_COLOURS = 'inferno'
OKABE_ITO = (
    '#0072B2', '#E69F00', '#009E73', '#CC79A7',
    '#56B4E9', '#D55E00', '#F0E442', '#999999',
)  # fmt: skip
_REGION_COLOURS = (
    '#009E73', '#CC79A7', '#56B4E9', '#F0E442',
    '#6A3D9A', '#999999', '#000000', '#44AA99',
)  # fmt: skip
_OUTLINE = (255, 255, 255)
# matplotlib's colours, without its import.
_HEAT_TABLE = cv2.applyColorMap(
    np.arange(256, dtype=np.uint8)[None],
    getattr(cv2, f'COLORMAP_{HEAT_COLOURS.upper()}'),
)[0, :, ::-1]


def region_colours(num_regions: int) -> list[tuple[float, float, float]]:
    """Return one RGB colour in 0..1 per region; lighter tints beyond eight."""
    from matplotlib.colors import to_rgb

    base = [np.array(to_rgb(name)) for name in _REGION_COLOURS]
    colours = []
    for index in range(num_regions):
        lightness = 0.55 * (index // len(base) % 2)
        colours.append(tuple((1 - lightness) * base[index % len(base)] + lightness))
    return colours


def overlay_heat(
    frames: Images, maps: NDArray[np.float32], *, strength: float = 0.65
) -> Images:
    """Colour frames by heat; positions without heat are unchanged.

    Args:
        frames: (F, H, W, 3) uint8, RGB.
        maps: (F, h, w) in 0..1; resized to the frames.
        strength: opacity at heat 1.
    """
    maps = _fit(maps.astype(np.float32), frames, cv2.INTER_LINEAR)
    levels = (maps * 256).clip(0, 255).astype(np.uint8)
    colours = _HEAT_TABLE[levels]
    return _blend(frames, colours, strength * maps[..., None])


def overlay_regions(
    frames: Images,
    chosen: NDArray[np.int64],
    *,
    num_regions: int,
    strength: float = 0.6,
) -> Images:
    """Colour each position by its region.

    Args:
        frames: (F, H, W, 3) uint8, RGB.
        chosen: (F, h, w) index of the region.
        num_regions: total number, even if a frame shows fewer.
        strength: opacity of the colours, 0 to 1.
    """
    chosen = _fit(chosen.astype(np.int32), frames, cv2.INTER_NEAREST)
    colours = 255 * np.array(region_colours(num_regions))[chosen]
    # Grey frames: their colours could be mistaken for regions.
    grey = frames.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    return _blend(grey, colours, strength)


def outline_masks(frames: Images, masks: NDArray[np.bool_]) -> Images:
    """Draw the border of each mask (F, H, W) on frames (F, H, W, 3) uint8."""
    drawn = frames.copy()
    for image, mask in zip(drawn, masks, strict=True):
        contours, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(image, contours, -1, _OUTLINE, 1)
    return drawn


def _blend(frames: NDArray, colours: NDArray, opacity: NDArray | float) -> Images:
    mixed = (1 - opacity) * frames + opacity * colours
    return mixed.round().clip(0, 255).astype(np.uint8)


def _fit(maps: NDArray, frames: Images, interpolation: int) -> NDArray:
    if len(maps) != len(frames):
        raise DataError(
            f'{len(maps)} maps for {len(frames)} frames: need one per frame (repeat '
            'the regions of a snippet over its frames)'
        )
    height, width = frames.shape[1:3]
    if maps.shape[1:] == (height, width):
        return maps
    resized = [
        cv2.resize(one, (width, height), interpolation=interpolation) for one in maps
    ]
    return np.stack(resized)
