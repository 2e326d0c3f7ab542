"""Localisation of forged pixels by a heat map: pointing game and IoU, with chance.

Pointing game: Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV
2016, without its margin. Masks fill much of a face crop, so a random map scores well
above zero: chance is computed beside each figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError

from .aggregation import percentile_interval

Masks = NDArray[np.bool_]


@dataclass(frozen=True)
class Interval:
    """A mean over videos with its 95% interval, by bootstrap over videos."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f'{100 * self.mean:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]'


def score_heat(heat: NDArray[np.floating], masks: Masks) -> dict[str, float]:
    """Score the heat maps of one video against its masks.

    Frames with an empty or complete mask are skipped; empty if none is left.

    Args:
        heat: (F, H, W), 0 or more.
        masks: (F, H, W).

    Returns:
        'pointing': share of frames whose maximum is in the mask; a frame without heat
            is a miss.
        'iou': mean IoU of the mask with the same number of positions of highest heat,
            without those of no heat.
        'chance_pointing': mean share m of the frame that the mask covers.
        'chance_iou': mean of m / (2 - m), the IoU expected of random positions.
        'centre_pointing', 'centre_iou': the same figures of `centre_map`.
    """
    rows = []
    for one, mask in _usable_frames(heat, masks):
        share = mask.mean()
        centre = centre_map(mask.shape)
        rows.append(
            {
                'pointing': points_inside(one, mask),
                'iou': iou_of_hottest(one, mask),
                'chance_pointing': share,
                'chance_iou': share / (2 - share),
                'centre_pointing': points_inside(centre, mask),
                'centre_iou': iou_of_hottest(centre, mask),
            }
        )
    return average_dicts(rows)


def score_region(regions: Masks, masks: Masks) -> dict[str, float]:
    """Score given regions, e.g. those of one basis filter; see `score_heat`.

    Args:
        regions: (F, H, W).
        masks: (F, H, W).

    Returns:
        'pointing': mean share of the region in the mask, i.e. the pointing game of a
            random position of it; an empty region is a miss.
        'iou': mean IoU of both.
        'chance_pointing': mean share m of the frame that the mask covers.
        'chance_iou': mean of a m / (a + m - a m), a the region's share: the IoU of
            independent ones.
    """
    rows = []
    for region, mask in _usable_frames(regions, masks):
        common, either = (region & mask).sum(), (region | mask).sum()
        a, m = region.mean(), mask.mean()
        rows.append(
            {
                'pointing': common / region.sum() if region.any() else 0.0,
                'iou': common / either,
                'chance_pointing': m,
                'chance_iou': a * m / (a + m - a * m),
            }
        )
    return average_dicts(rows)


def points_inside(heat: NDArray[np.floating], mask: Masks) -> float:
    """Return the share of the maxima of the heat that are in the mask."""
    hottest = heat == heat.max()
    return float(mask[hottest].mean()) if heat.max() > 0 else 0.0


def iou_of_hottest(heat: NDArray[np.floating], mask: Masks) -> float:
    """Compute the IoU of a mask and the same number of positions of highest heat."""
    order = np.argsort(-heat, axis=None, kind='stable')[: int(mask.sum())]
    chosen = np.zeros(mask.size, bool)
    chosen[order] = True
    chosen &= heat.ravel() > 0
    inside = (chosen & mask.ravel()).sum()
    return float(inside / (chosen | mask.ravel()).sum())


def centre_map(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return (H, W) heat that falls with the distance from the centre."""
    height, width = shape
    rows = (np.arange(height) + 0.5) / height - 0.5
    columns = (np.arange(width) + 0.5) / width - 0.5
    return 1 - np.hypot(rows[:, None], columns[None])


def average_over_videos(
    videos: Sequence[Mapping[str, float]], *, num_resamples: int = 2000, seed: int = 0
) -> dict[str, Interval]:
    """Average each figure over videos, with an interval from shared resamples.

    Args:
        videos: the figures of each video, by the same names.
        num_resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    if not videos:
        raise DataError('no frame of any video has a usable mask: nothing to average')
    draws = np.random.default_rng(seed).integers(
        len(videos), size=(num_resamples, len(videos))
    )
    averages = {}
    for name in videos[0]:
        values = np.array([video[name] for video in videos])
        low, high = percentile_interval(values[draws].mean(axis=1))
        averages[name] = Interval(float(values.mean()), low, high)
    return averages


def average_dicts(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Average each entry over rows of the same keys; empty for no rows."""
    names = rows[0] if rows else ()
    return {name: float(np.mean([row[name] for row in rows])) for name in names}


def _usable_frames(
    maps: NDArray[Any], masks: Masks
) -> list[tuple[NDArray[Any], Masks]]:
    if maps.shape != masks.shape:
        raise DataError(
            f'maps of shape {maps.shape} and masks of shape {masks.shape}: need the '
            'same (frames, rows, columns)'
        )
    return [
        (one, mask)
        for one, mask in zip(maps, masks, strict=True)
        if mask.any() and not mask.all()
    ]
