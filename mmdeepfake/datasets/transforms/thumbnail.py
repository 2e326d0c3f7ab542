"""One picture out of the frames of a snippet, for networks that look at pictures.

Thumbnail layout of TALL (Y. Xu et al., "TALL: Thumbnail Layout for Deepfake Video
Detection", ICCV 2023, https://arxiv.org/abs/2307.07494), and the square that its
training cuts out of all frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import TRANSFORMS


def tile_frames(frames: Sequence[np.ndarray], *, num_columns: int) -> np.ndarray:
    """Lay frames of one size side by side, row by row: T of (h, w, 3) -> (H, W, 3).

    Four frames, two columns  ->  0 1
                                  2 3
    """
    rows = [
        np.concatenate(frames[start : start + num_columns], axis=1)
        for start in range(0, len(frames), num_columns)
    ]
    return np.concatenate(rows, axis=0)


def _resize(frame: np.ndarray, size: tuple[int, int], interpolation: int) -> np.ndarray:
    height, width = size
    return cv2.resize(frame, (width, height), interpolation=interpolation)


@TRANSFORMS.register_module()
class ThumbnailLayout(BaseTransform):
    """Make one picture of each snippet, as large as one of its frames was.

    The frames of a snippet are shrunk and laid out as a grid, in the order of time row
    by row. Stands after all that treats frames by themselves (`Resize`, `Flip`) and
    before `FormatShape('NCHW')`, which then gives S pictures a video, for a recognizer
    with `clip_len = 1`.

    Required keys: imgs (uint8 of one size), clip_len. Changed keys: imgs, S pictures.

    Args:
        rows: of the grid; rows * columns is the sampler's `clip_len`.
        columns: of the grid.
        legacy_resize: whether frames take the way of the public code, which its weights
            were trained with: shrunk, made as large as the picture again, laid out, and
            the whole shrunk bilinearly, which blurs them. Otherwise they are shrunk and
            laid out alone, a sharper picture, of which those weights give other scores.
    """

    def __init__(
        self, rows: int = 2, columns: int = 2, legacy_resize: bool = True
    ) -> None:
        if min(rows, columns) < 1:
            raise ConfigError(
                f'ThumbnailLayout: rows={rows}, columns={columns}; allowed are whole '
                'numbers >= 1'
            )
        self.rows = rows
        self.columns = columns
        self.legacy_resize = legacy_resize

    def transform(self, results: dict) -> dict:
        """Lay the frames out; see the class for the keys."""
        clip_len, num_tiles = results['clip_len'], self.rows * self.columns
        height, width = results['imgs'][0].shape[:2]
        if clip_len != num_tiles:
            raise ConfigError(
                f'ThumbnailLayout: {self.rows} x {self.columns} tiles, but snippets of '
                f'{clip_len} frames; need SampleSnippets.clip_len = {num_tiles}'
            )
        if height % self.rows or width % self.columns:
            raise ConfigError(
                f'ThumbnailLayout: frames of {height} x {width} pixels cannot be '
                f'shrunk to {self.rows} x {self.columns} equal tiles; resize them to '
                'multiples'
            )
        results['imgs'] = [
            self._lay_out(results['imgs'][start : start + clip_len], (height, width))
            for start in range(0, len(results['imgs']), clip_len)
        ]
        return results

    def _lay_out(
        self, frames: Sequence[np.ndarray], size: tuple[int, int]
    ) -> np.ndarray:
        tile = size[0] // self.rows, size[1] // self.columns
        tiles = [_resize(frame, tile, cv2.INTER_AREA) for frame in frames]
        if self.legacy_resize:
            tiles = [_resize(one, size, cv2.INTER_LINEAR) for one in tiles]
        picture = tile_frames(tiles, num_columns=self.columns)
        return (
            _resize(picture, size, cv2.INTER_LINEAR) if self.legacy_resize else picture
        )

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(rows={self.rows}, columns={self.columns}, '
            f'legacy_resize={self.legacy_resize})'
        )


@TRANSFORMS.register_module()
class CutOutSquare(BaseTransform):
    """Paint one square of the same colour, at the same place of all frames of a video.

    An augmentation for training alone. (TALL's public test leaves it on.) Its centre is
    drawn from the whole frame, so that a part of it may lie outside.

    Required and changed key: imgs, (H, W, 3) uint8 of one size.

    Args:
        side_ratio: side of the square over the frame's shorter side; 16 of 112 pixels
            in TALL.
        colour: painted; ImageNet's mean, which normalisation turns into zero but for
            rounding, as TALL cuts out after it.
    """

    def __init__(
        self,
        side_ratio: float = 16 / 112,
        colour: tuple[float, float, float] = (123.675, 116.28, 103.53),
    ) -> None:
        if not 0 < side_ratio <= 1:
            raise ConfigError(
                f'CutOutSquare: side_ratio={side_ratio!r}; allowed is 0 < ratio <= 1'
            )
        self.side_ratio = side_ratio
        self.colour = np.round(colour).astype(np.uint8)

    def transform(self, results: dict) -> dict:
        """Paint; see the class for the keys."""
        height, width = results['imgs'][0].shape[:2]
        half = max(round(self.side_ratio * min(height, width) / 2), 1)
        row, column = np.random.randint(height), np.random.randint(width)
        painted = []
        for frame in results['imgs']:
            frame = frame.copy()
            frame[
                max(row - half, 0) : row + half, max(column - half, 0) : column + half
            ] = self.colour
            painted.append(frame)
        results['imgs'] = painted
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(side_ratio={self.side_ratio})'
