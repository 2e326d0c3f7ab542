"""Co-motion pattern of a video: how the parts of a face move together.

Paper: G. Wang, J. Zhou and Y. Wu, "Exposing Deep-faked Videos by Anomalous Co-motion
Pattern Detection", arXiv 2008.04848, 2020. A **reconstruction**: there is no public
code, and only the abstract is certain (motion at fixed places of the face, and the
pattern of its correlation). Ours are all numbers, the choice of landmarks, the flow
(OpenCV's DIS; Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV
2016), and how the head's motion is removed.

    frames t, t+1 -> flow -> (u, v) around each of K landmarks, minus the head's motion
    N pairs       -> N x 2K motions -> correlation of the 2K series over time
                  -> its upper triangle, 5,151 numbers for K = 51
"""

from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from mmdeepfake.datasets.argument_checks import check_argument
from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import TRANSFORMS
from mmdeepfake.structures.face_landmarks import INNER_FACE, NUM_LANDMARKS

Motions = NDArray[np.float64]  # (K, 2), u and v in pixels a frame
# Series with a smaller deviation, in pixels, are still: rounding is not a pattern.
_MIN_DEVIATION = 1e-5  # ours


def average_around(
    flow: NDArray[np.floating], points: NDArray[np.floating], *, sigma_px: float
) -> Motions:
    """Average a flow around points with Gaussian weights.

    Args:
        flow: (H, W, 2) u and v of each pixel.
        points: (K, 2) x and y in pixels; points outside are moved to the border.
        sigma_px: standard deviation of the weights.
    """
    height, width = flow.shape[:2]
    inside = np.clip(points, 0, (width - 1, height - 1)).astype(np.float64)
    weights = []
    for axis, size in ((0, width), (1, height)):
        distance = np.arange(size) - inside[:, axis, None]
        weight = np.exp(-0.5 * (distance / sigma_px) ** 2)
        weights.append(weight / weight.sum(axis=1, keepdims=True))
    across, down = weights  # (K, W), (K, H); the Gaussian is their product
    return np.einsum('khc,kh->kc', np.einsum('hwc,kw->khc', flow, across), down)


@TRANSFORMS.register_module()
class ComputeLandmarkFlow(BaseTransform):
    """Measure the motion of the face around its landmarks between frames.

    Required keys: imgs, face_landmarks (see `LoadFaceLandmarks`), num_clips, clip_len.
    Crop the frames of a snippet with one box (`CropFace(box='snippet')`), or the box's
    motion is measured as well.
    Added key: landmark_motions, (N, T - 1, 51, 2) float32 u and v in pixels per frame,
        for all landmarks but the jaw's.

    Args:
        sigma_ratio: standard deviation of the weights around a landmark, in face
            widths (mean extent of the landmarks over the snippet).
        remove_median: subtract the median motion of the landmarks, the head's motion.
    """

    def __init__(self, sigma_ratio: float = 0.05, remove_median: bool = True) -> None:
        check_argument(self, sigma_ratio > 0, 'numbers > 0', sigma_ratio=sigma_ratio)
        self.sigma_ratio = sigma_ratio
        self.remove_median = remove_median

    @property
    def min_frames(self) -> int:
        """Minimum number of frames; datasets check it before a run starts."""
        return 2

    def transform(self, results: dict) -> dict:
        """Add the motions."""
        num_clips, clip_len = results['num_clips'], results['clip_len']
        if 'face_landmarks' not in results or clip_len < 2:
            raise ConfigError(
                f'ComputeLandmarkFlow: snippets of {clip_len} frames, '
                f'{"" if "face_landmarks" in results else "no "}landmarks; needs '
                'SampleSnippets.clip_len >= 2 and LoadFaceLandmarks before it'
            )
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in results['imgs']]
        points = results['face_landmarks']
        motions = [
            self._follow(grey[start : start + clip_len], points[start:][:clip_len])
            for start in range(0, num_clips * clip_len, clip_len)
        ]
        results['landmark_motions'] = np.stack(motions).astype(np.float32)
        return results

    def _follow(self, frames: list[NDArray[np.uint8]], points: NDArray) -> NDArray:
        # Created here, since it cannot be pickled for a data worker.
        measure = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        measure.setFinestScale(0)  # the preset's coarser scale shrinks small motions
        face_width = np.ptp(points[..., 0], axis=1).mean()
        sigma_px = max(self.sigma_ratio * float(face_width), 0.5)  # at least a pixel
        motions = []
        for frame, following, at in zip(frames, frames[1:], points, strict=False):
            flow = measure.calc(frame, following, None)
            motion = average_around(flow, at[INNER_FACE], sigma_px=sigma_px)
            if self.remove_median:
                motion -= np.median(motion, axis=0)
            motions.append(motion)
        return np.stack(motions)


def correlate_series(series: NDArray[np.floating]) -> NDArray[np.float64]:
    """Compute Pearson's correlation of series over time: (N, M) -> (M, M).

    A constant series has correlation 0 with all others and 1 with itself.
    """
    centred = series - series.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0))
    is_still = size <= _MIN_DEVIATION * np.sqrt(len(series))
    unit = np.where(is_still, 0.0, centred / np.where(is_still, 1.0, size))
    matrix = np.clip(unit.T @ unit, -1, 1)
    np.fill_diagonal(matrix, 1.0)
    return matrix


@TRANSFORMS.register_module()
class CoMotionPattern(BaseTransform):
    """Turn the motions of each snippet into one pattern, the model's input.

    Use it in place of `FormatShape`.

    Required key: landmark_motions (see `ComputeLandmarkFlow`).
    Changed key: imgs, (N, F, 1, 1) float32 in [-1, 1], the upper triangle of the
        correlation matrix of u and v of all landmarks, row by row: F = 5,151.
    """

    @property
    def num_features(self) -> int:
        """Length F of a pattern."""
        num_series = 2 * len(range(NUM_LANDMARKS)[INNER_FACE])
        return num_series * (num_series - 1) // 2

    def packed_shape(self, num_snippets: int, clip_len: int) -> tuple[int, ...]:
        """Return the input shape of one video."""
        return (num_snippets, self.num_features, 1, 1)

    def transform(self, results: dict) -> dict:
        """Replace the frames by patterns."""
        if 'landmark_motions' not in results:
            raise ConfigError(
                'CoMotionPattern: no motions; put ComputeLandmarkFlow before it'
            )
        patterns = []
        for motions in results['landmark_motions'].astype(np.float64):  # (N, K, 2)
            matrix = correlate_series(motions.reshape(len(motions), -1))
            patterns.append(matrix[np.triu_indices(len(matrix), k=1)])
        results['imgs'] = np.stack(patterns).astype(np.float32)[..., None, None]
        results['input_shape'] = results['imgs'].shape
        return results
