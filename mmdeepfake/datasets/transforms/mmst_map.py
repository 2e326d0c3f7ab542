"""Motion-magnified spatio-temporal map (MMST map), the input of DeepRhythm.

Paper: H. Qi et al., "DeepRhythm: Exposing DeepFakes with Attentional Visual Heartbeat
Rhythms", ACM MM 2020, https://doi.org/10.1145/3394171.3413707, and its public code,
https://github.com/tsingqguo/deeprhythm. As there, faces are aligned by their eyes and
cut out by their landmarks, without background and eyes; colour is magnified between
0.833 and 2 Hz; the mean colours of 5 x 5 cells are the row of a frame.

Ours: the whole video is aligned to its first frame (the code restarts every 30 frames);
aligned and masked faces are always used (one of its scripts takes unaligned ones); each
frame is warped once; the forehead, for which the code has points, is extrapolated from
the brows; the filter is signed.
"""

from __future__ import annotations

import os

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from mmdeepfake.datasets.argument_checks import check_argument
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.files.array_reading import read_array
from mmdeepfake.registry import TRANSFORMS
from mmdeepfake.structures.face_landmarks import BROWS, JAW, LEFT_EYE, RIGHT_EYE

from .colour_magnification import magnify_colour

NUM_CELLS_A_SIDE = 5
SIZE_STEP_PX = 10
BAND_HERTZ = (0.833, 2.0)  # a pulse of 50 to 120
AMPLIFICATION = 10.0
NUM_LEVELS = 1
# Ours: height above the brows over the distance from brows to chin.
FOREHEAD_RATIO = 0.3
CHIN = 8
UNKNOWN_SCORE = 0.5  # as in the public code


def mean_colours(frames: NDArray, *, num_cells_a_side: int) -> NDArray[np.float32]:
    """Average the colour of each cell: (T, H, W, 3) -> (T, cells, 3), row by row.

    Rows and columns at the bottom and right that do not fill a cell are ignored.
    """
    cells = num_cells_a_side
    height, width = (side // cells for side in frames.shape[1:3])
    cut = frames[:, : height * cells, : width * cells].astype(np.float32)
    parts = cut.reshape(len(frames), cells, height, cells, width, 3)
    return parts.mean(axis=(2, 4)).reshape(len(frames), cells**2, 3)


def face_outlines(landmarks: NDArray[np.floating]) -> NDArray[np.floating]:
    """Outline the jaw and the forehead: (T, 68, 2) -> (T, 27, 2)."""
    brows = landmarks[:, BROWS]
    up = brows.mean(axis=1, keepdims=True) - landmarks[:, CHIN : CHIN + 1]
    forehead = brows[:, ::-1] + FOREHEAD_RATIO * up
    return np.concatenate([landmarks[:, JAW], forehead], axis=1)


def level_eyes(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """Compute the similarity that moves the eyes of each frame to those of the first.

    Eyes become level; their distance and centre become those of the first frame.

    Args:
        landmarks: (T, 68, 2).

    Returns:
        (T, 2, 3) matrices: (x, y, 1) -> aligned x, y.

    Raises:
        DataError: the eyes of a frame coincide.
    """
    points = landmarks.astype(np.float64)
    right = points[:, RIGHT_EYE].mean(axis=1)
    left = points[:, LEFT_EYE].mean(axis=1)
    middle, between = (right + left) / 2, left - right
    distances = np.linalg.norm(between, axis=1)
    if distances.min() < 1e-6:
        raise DataError(
            f'frame {distances.argmin()} of the clip: both eyes are at one point; the '
            'landmarks are invalid, prepare this video again'
        )
    cosines, sines = (between / distances[:, None]).T
    scales = distances[0] / distances
    turns = scales * np.array([[cosines, sines], [-sines, cosines]])  # (2, 2, T)
    turns = turns.transpose(2, 0, 1)
    shifts = middle[0] - np.einsum('tij,tj->ti', turns, middle)
    return np.concatenate([turns, shifts[:, :, None]], axis=2)


def apply_matrices(
    matrices: NDArray[np.floating], points: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Transform the points of each frame: (T, 2, 3), (T, K, 2) -> (T, K, 2)."""
    moved = np.einsum('tij,tkj->tki', matrices[:, :, :2], points)
    return moved + matrices[:, None, :, 2]


def cut_out_faces(
    frames: NDArray[np.uint8], landmarks: NDArray[np.floating]
) -> NDArray[np.uint8]:
    """Align faces, crop them to their outline, set background and eyes to black.

    Args:
        frames: (T, H, W, 3).
        landmarks: (T, 68, 2) x and y in pixels of the frames.

    Returns:
        (T, h, w, 3), the size of the largest face, rounded up to 10 pixels.
    """
    matrices = level_eyes(landmarks)
    outlines = apply_matrices(matrices, face_outlines(landmarks))
    low, high = outlines.min(axis=1), outlines.max(axis=1)  # (T, 2)
    width, height = (
        int(np.ceil((side + 1) / SIZE_STEP_PX)) * SIZE_STEP_PX
        for side in (high - low).max(axis=0)
    )
    stretch = (np.array([width, height]) - 1) / (high - low)  # (T, 2)
    matrices = matrices * stretch[:, :, None]
    matrices[:, :, 2] -= low * stretch
    outlines = apply_matrices(matrices, face_outlines(landmarks))
    eyes = [apply_matrices(matrices, landmarks[:, e]) for e in (RIGHT_EYE, LEFT_EYE)]
    faces = np.empty((len(frames), height, width, 3), np.uint8)
    for index, frame in enumerate(frames):
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [np.rint(outlines[index]).astype(np.int32)], 1)
        for eye in eyes:
            cv2.fillPoly(mask, [np.rint(eye[index]).astype(np.int32)], 0)
        warped = cv2.warpAffine(frame, matrices[index], (width, height))
        faces[index] = warped * mask[:, :, None]
    return faces


@TRANSFORMS.register_module()
class BuildMMSTMap(BaseTransform):
    """Turn each snippet of consecutive frames into one MMST map.

    Place it after `LoadFaceLandmarks`, last before `PackActionInputs`.

    Required keys: imgs, num_clips, clip_len, face_landmarks if `aligned`, avg_fps or
    fps; with `score_root`, frame_inds and video_key. An optional frame_interval must be
    1.
    Changed keys:
        imgs: (N, C, T, 25) float32: C is blue, green and red, 0 to `top_value`, and
            with `score_root` the score of the frame; 25 the cells, row by row.
        img_shape: (T, 25).

    Args:
        aligned: align and cut out faces by landmarks; False uses the frames unchanged,
            for faces that do not move.
        amplification: factor of the magnified band.
        top_value: value of the brightest colour; 255 in the public code.
        score_root: folder of COMPRESSION/METHOD/NAME.npy, P(fake) of a video's frames
            by a frame detector trained on the same split; NaN (no score) becomes 0.5.
            None adds no scores.
    """

    def __init__(
        self,
        aligned: bool = True,
        amplification: float = AMPLIFICATION,
        top_value: float = 1.0,
        score_root: str | None = None,
    ) -> None:
        is_factor = amplification >= 0
        check_argument(self, is_factor, 'numbers >= 0', amplification=amplification)
        self.aligned = aligned
        self.amplification = amplification
        self.top_value = top_value
        self.score_root = score_root

    def packed_shape(self, num_snippets: int, clip_len: int) -> tuple[int, ...]:
        """Return the input shape of one video."""
        num_channels = 3 if self.score_root is None else 4
        return (num_snippets, num_channels, clip_len, NUM_CELLS_A_SIDE**2)

    def transform(self, results: dict) -> dict:
        """Build the maps."""
        fps = self._read_fps(results)
        num_clips, clip_len = results['num_clips'], results['clip_len']
        frames = np.stack(results['imgs'])
        frames = frames.reshape(num_clips, clip_len, *frames.shape[1:])
        if self.aligned:
            points = results['face_landmarks'].reshape(num_clips, clip_len, -1, 2)
            snippets = [
                cut_out_faces(*pair) for pair in zip(frames, points, strict=True)
            ]
        else:
            snippets = list(frames)
        maps = np.stack([self._build(snippet, fps) for snippet in snippets])
        maps = maps * (self.top_value / 255)
        if self.score_root is not None:
            maps = np.concatenate([maps, self._read_scores(results)], axis=1)
        results['imgs'] = maps.astype(np.float32)
        results['img_shape'] = maps.shape[2:]
        return results

    def _build(self, faces: NDArray[np.uint8], fps: float) -> NDArray[np.float32]:
        """Build one map: (T, h, w, 3) -> (3, T, 25)."""
        magnified = magnify_colour(
            faces,
            fps=fps,
            low_hertz=BAND_HERTZ[0],
            high_hertz=BAND_HERTZ[1],
            amplification=self.amplification,
            num_levels=NUM_LEVELS,
        )
        colours = mean_colours(magnified, num_cells_a_side=NUM_CELLS_A_SIDE)
        return colours[..., ::-1].transpose(2, 0, 1)  # blue first, as the public code

    def _read_fps(self, results: dict) -> float:
        if results.get('frame_interval', 1) != 1:
            raise ConfigError(
                f'BuildMMSTMap: frame_interval={results["frame_interval"]}; needs '
                'consecutive frames, set SampleSnippets.stride_frames=1'
            )
        fps = results.get('avg_fps') or results.get('fps')
        if not fps:
            name = results.get('filename', results.get('frame_dir'))
            raise DataError(
                f'BuildMMSTMap: video {name!r} has no known frame rate; prepare the '
                'faces from video files, or set `fps` in the manifest'
            )
        return float(fps)

    def _read_scores(self, results: dict) -> NDArray[np.float32]:
        """Read the scores of the sampled frames, equal in all cells: (N, 1, T, 25)."""
        key = results['video_key']
        parts = (part for part in (key.compression, key.method) if part)
        path = os.path.join(self.score_root, *parts, f'{key.name}.npy')
        if not os.path.isfile(path):
            raise DataNotFoundError(
                f'no file of frame scores {os.path.abspath(path)!r}'
            )
        try:
            scores = read_array(path).astype(np.float32)
        except (OSError, ValueError) as error:
            raise DataError(f'cannot read frame scores {path!r}: {error}') from error
        wanted = np.asarray(results['frame_inds']) - results.get('start_index', 0)
        if scores.ndim != 1 or wanted.max() >= len(scores):
            raise DataError(
                f'frame scores {path!r} have shape {scores.shape}, but frame '
                f'{wanted.max()} was sampled; needs one score per frame'
            )
        scores = np.nan_to_num(scores[wanted], nan=UNKNOWN_SCORE)
        if scores.min() < 0 or scores.max() > 1:
            raise DataError(
                f'frame scores {path!r} are from {scores.min():g} to '
                f'{scores.max():g}; allowed: 0 to 1'
            )
        rows = scores.reshape(results['num_clips'], 1, results['clip_len'], 1)
        return rows.repeat(NUM_CELLS_A_SIDE**2, axis=3)
