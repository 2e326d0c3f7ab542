"""Where a frame was forged, at the resolution of a network's last map."""

from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmdeepfake.datasets.argument_checks import check_argument
from mmdeepfake.registry import TRANSFORMS
from mmdeepfake.structures import REAL


@TRANSFORMS.register_module()
class MapForgery(BaseTransform):
    """Average the masks of a pseudo-fake over the cells of a grid.

    Place it after `Flip`; `forgery_map` must be in the `meta_keys` of
    `PackActionInputs`, where `LocalisingHead` reads it.

    Required keys: imgs, label; forgery_masks of pseudo-fakes; flip, if the frames may
        be flipped.
    Added key: forgery_map, (N * T, side, side) float32, the share of a cell that was
        replaced: zeros for a real video, not a number for a fake without masks.

    Args:
        side: cells a side; that of the network's last map.
    """

    def __init__(self, side: int) -> None:
        check_argument(
            self, type(side) is int and side >= 1, 'integers >= 1', side=side
        )
        self.side = side

    def transform(self, results: dict) -> dict:
        """Add the map."""
        masks = results.get('forgery_masks')
        if masks is None:
            shape = (len(results['imgs']), self.side, self.side)
            value = 0 if results['label'] == REAL else np.nan
            results['forgery_map'] = np.full(shape, value, np.float32)
            return results
        if results.get('flip'):
            masks = masks[:, :, ::-1]
        results['forgery_map'] = np.stack(
            [
                cv2.resize(
                    np.ascontiguousarray(mask, np.float32),
                    (self.side, self.side),
                    interpolation=cv2.INTER_AREA,
                )
                for mask in masks
            ]
        )
        return results
