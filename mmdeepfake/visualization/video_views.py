"""One figure of a few videos: frames, heat maps, and the regions of RATF, if any.

`ForgeryViewHook` draws it during training; masks and originals are not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from .evidence import compute_heat_maps, find_basis_regions, list_ratf_layers, normalise
from .heat_grid import ImageRow, find_peak_snippet, plot_image_rows, scale_to_peak
from .overlays import overlay_heat, overlay_regions


class PackedVideo(NamedTuple):
    """A video as the test pipeline packs it.

    Attributes:
        name: beside its row.
        inputs: (F, 3, H, W) uint8.
        data_sample: packed with them.
        clip_len: T.
    """

    name: str
    inputs: Tensor
    data_sample: object
    clip_len: int


def plot_videos(
    model: nn.Module, videos: Sequence[PackedVideo], *, title: str
) -> Figure:
    """Draw the snippet of each video with the most evidence for 'fake'.

    A row has its T frames, their heat scaled per row and, if the model has a RATF, the
    regions of its basis filters.

    Raises:
        ConfigError: the model does not have one map per frame.
    """
    rows = [_draw_row(model, video) for video in videos]
    clip_len = videos[0].clip_len
    names = [f't = {index + 1}' for index in range(clip_len)]
    columns = names * 2
    if len(rows[0].pictures) > len(columns):
        columns = [*columns, 'filters']
    return plot_image_rows(rows, title=title, column_names=columns, gap_after=clip_len)


def _draw_row(model: nn.Module, video: PackedVideo) -> ImageRow:
    frames = normalise(model, video.inputs, video.data_sample)
    heat = compute_heat_maps(model, frames)
    snippet = find_peak_snippet(heat.raw, clip_len=video.clip_len)
    chosen = snippet * video.clip_len + np.arange(video.clip_len)
    shown: NDArray[np.uint8] = video.inputs.permute(0, 2, 3, 1).numpy()[chosen]
    pictures = [*shown, *overlay_heat(shown, scale_to_peak(heat.maps[chosen]))]
    if list_ratf_layers(model):
        regions = find_basis_regions(model, frames)
        of_snippet = regions.chosen_at_frame_size()[snippet][None]
        num_regions = regions.weights.shape[1]
        pictures += list(
            overlay_regions(shown[:1], of_snippet, num_regions=num_regions)
        )
    return ImageRow(f'{video.name}\nP(fake) {heat.fake_score:.2f}', pictures)
