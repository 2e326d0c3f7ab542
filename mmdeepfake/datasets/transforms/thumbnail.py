"""Thumbnail layout: one image per snippet, for image networks.

Y. Xu et al., "TALL: Thumbnail Layout for Deepfake Video Detection", ICCV 2023,
https://arxiv.org/abs/2307.07494, with the square cutout of its training.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmdeepfake.datasets.argument_checks import check_argument, check_counts
from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import TRANSFORMS


def tile_frames(frames: Sequence[np.ndarray], *, num_columns: int) -> np.ndarray:
    """Tile frames of one size, row by row: T of (h, w, 3) -> (H, W, 3).

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
    """Tile the frames of each snippet into one image of the size of a frame.

    The published weights need the public code's resizing: shrink the frames, enlarge
    them to full size, tile, and shrink the result bilinearly, which blurs.

    Place it after all per-frame steps (`Resize`, `Flip`) and before
    `FormatShape('NCHW')`, for a recognizer with `clip_len = 1`.

    Required keys: imgs (uint8 of one size), clip_len. Changed key: imgs, N images.

    Args:
        rows: of the grid; rows * columns is the sampler's `clip_len`.
        columns: of the grid.
    """

    def __init__(self, rows: int = 2, columns: int = 2) -> None:
        check_counts(self, rows=rows, columns=columns)
        self.rows = rows
        self.columns = columns

    def transform(self, results: dict) -> dict:
        """Tile the frames."""
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
                f'divided into {self.rows} x {self.columns} tiles; resize them to '
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
        tiles = [_resize(one, size, cv2.INTER_LINEAR) for one in tiles]
        image = tile_frames(tiles, num_columns=self.columns)
        return _resize(image, size, cv2.INTER_LINEAR)


@TRANSFORMS.register_module()
class CutOutSquare(BaseTransform):
    """Paint one square at the same place in all frames of a video.

    An augmentation for training only (TALL's public test code leaves it on). Its centre
    may be anywhere in the frame, so a part of it may be outside.

    Required and changed key: imgs, (H, W, 3) uint8 of one size.

    Args:
        side_ratio: side of the square over the frame's shorter side; 16 of 112 pixels
            in TALL.
        colour: ImageNet's mean, nearly zero after normalisation, where TALL cuts out.
    """

    def __init__(
        self,
        side_ratio: float = 16 / 112,
        colour: tuple[float, float, float] = (123.675, 116.28, 103.53),
    ) -> None:
        is_ratio = 0 < side_ratio <= 1
        check_argument(self, is_ratio, '0 < ratio <= 1', side_ratio=side_ratio)
        self.side_ratio = side_ratio
        self.colour = np.round(colour).astype(np.uint8)

    def transform(self, results: dict) -> dict:
        """Paint the square."""
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
