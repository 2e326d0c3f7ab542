"""Masks of a face and its parts, placed by the five points of a track.

Shapes are drawn once on a canvas in face coordinates and follow the points from frame
to frame. The unit is the distance of the eyes, the origin lies between them, y points
to the chin. All shapes are ours, from the proportions of an average face.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError

# The points of `FaceTrack` in an average frontal face.
AVERAGE_POINTS = np.array(
    [(-0.5, 0), (0.5, 0), (0, 0.57), (-0.42, 1.15), (0.42, 1.15)], np.float32
)
_HALF_OUTLINE = np.array(
    [
        (0, -0.95),
        (0.5, -0.9),
        (0.9, -0.6),
        (1.05, 0),
        (1.0, 0.66),
        (0.8, 1.25),
        (0.45, 1.7),
        (0, 1.86),
    ],
    np.float32,
)
OUTLINE = np.concatenate([_HALF_OUTLINE, _HALF_OUTLINE[-2:0:-1] * (-1, 1)])
# Region -> ellipses (centre x, centre y, half width, half height).
_ELLIPSES = {
    'mouth': [(0, 1.17, 0.68, 0.42)],
    'eyes': [(-0.5, -0.05, 0.42, 0.34), (0.5, -0.05, 0.42, 0.34)],
    'nose': [(0, 0.45, 0.36, 0.55)],
}
REGIONS = ('face', 'inner', 'lower', *_ELLIPSES)

MIN_WIDTH_RATIO = 0.6  # of a turned face, or masks become strips
SOFTNESS = (0.02, 0.2)  # of a region's edge, standard deviation, drawn by its logarithm
MIN_EYE_DISTANCE_PX = 8  # below it, a part of a face has a handful of pixels
_CANVAS_UNIT_PX = 32
_CANVAS_ORIGIN = np.array([2.0, 2.0], np.float32)  # units right of, below the corner
_CANVAS_SIZE = (128, 136)  # width, height in pixels


def fit_faces(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Fit the affine map of each frame from face coordinates to pixels.

    Args:
        points: (F, 5, 2) pixels.

    Returns:
        (F, 2, 3), by least squares; a face in profile keeps a minimal width.
    """
    centre = AVERAGE_POINTS.mean(axis=0, dtype=np.float64)
    centres = points.mean(axis=1, dtype=np.float64)
    solved = np.linalg.pinv(AVERAGE_POINTS - centre) @ (points - centres[:, None])
    left, scales, right = np.linalg.svd(solved.transpose(0, 2, 1))
    # Points in profile may change sides, but a face is no mirror image.
    mirrored = np.linalg.det(left @ right) < 0
    left[mirrored, :, 1] *= -1
    scales[:, 1] = np.maximum(scales[:, 1], MIN_WIDTH_RATIO * scales[:, 0])
    linear = (left * scales[:, None]) @ right  # (F, 2, 2)
    offsets = centres - linear @ centre
    return np.concatenate([linear, offsets[..., None]], axis=2).astype(np.float32)


def measure_eye_distances(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the size of the faces, as the eyes' distance if frontal: (F,) pixels.

    A turned head brings its eyes together, but not eyes and mouth.
    """
    eyes = np.linalg.norm(points[:, 1] - points[:, 0], axis=1)
    down = points[:, 3:].mean(axis=1) - points[:, :2].mean(axis=1)
    return np.maximum(eyes, np.linalg.norm(down, axis=1) / 1.15).astype(np.float32)


def check_face_size(points: NDArray[np.floating], name: object) -> None:
    """Raise a `DataError` if a face is too small for a mask."""
    smallest = float(measure_eye_distances(points).min())
    if not smallest >= MIN_EYE_DISTANCE_PX:
        raise DataError(
            f'video {name}: the face is too small for a pseudo-fake: its eyes are '
            f'{smallest:.1f} pixels apart, needs {MIN_EYE_DISTANCE_PX}. Enlarge the '
            'frames (Resize), prepare with a larger --min-face-px, or remove the video'
        )


def draw_region(region: str, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a deformed, softened region on the canvas: (136, 128), 0 to 1.

    Args:
        region: one of `REGIONS`; 'inner' is the face without forehead and chin's edge,
            'lower' what lies below the eyes.
        rng: draws size, deformation and softness.
    """
    width, height = _CANVAS_SIZE
    canvas = np.zeros((height, width), np.float32)
    stretch = rng.uniform(0.88, 1.08, 2)
    if region in _ELLIPSES:
        for x, y, half_width, half_height in _ELLIPSES[region]:
            centre = _to_canvas(np.array([[x, y]]))[0]
            axes = np.array([half_width, half_height]) * stretch * _CANVAS_UNIT_PX
            box = (tuple(map(float, centre)), tuple(map(float, 2 * axes)), 0.0)
            cv2.ellipse(canvas, box, 1.0, -1)
    else:
        outline = OUTLINE * stretch
        if region == 'inner':
            outline = outline * (0.82, 0.88)
            outline[:, 1] = outline[:, 1].clip(rng.uniform(-0.6, -0.35), None)
        elif region == 'lower':
            outline[:, 1] = outline[:, 1].clip(rng.uniform(0.25, 0.65), None)
        corners = (_to_canvas(outline) * 16).round().astype(np.int32)
        cv2.fillPoly(canvas, [corners], 1.0, cv2.LINE_AA, 4)
    canvas = _deform(canvas, rng)
    softness_px = _CANVAS_UNIT_PX * np.exp(rng.uniform(*np.log(SOFTNESS)))
    return cv2.GaussianBlur(canvas, (0, 0), softness_px).clip(0, 1)


def place_mask(
    canvas: NDArray[np.float32], faces: NDArray[np.float32], *, height: int, width: int
) -> NDArray[np.float32]:
    """Place a mask on the face of every frame: (F, height, width).

    Args:
        canvas: see `draw_region`.
        faces: (F, 2, 3), see `fit_faces`.
        height: of the frames.
        width: of the frames.
    """
    return np.stack(
        [
            cv2.warpAffine(canvas, _from_canvas(face), (width, height))
            for face in faces.astype(np.float64)
        ]
    )


def draw_masks(
    region: str,
    points: NDArray[np.floating],
    rng: np.random.Generator,
    *,
    height: int,
    width: int,
) -> NDArray[np.float32]:
    """Draw the mask of a region and place it on every face: (F, height, width).

    Args:
        region: one of `REGIONS`.
        points: (F, 5, 2) pixels.
        rng: draws the mask, the same for all frames.
        height: of the frames.
        width: of the frames.
    """
    canvas = draw_region(region, rng)
    return place_mask(canvas, fit_faces(points), height=height, width=width)


def bend_faces(
    frames: NDArray[np.uint8],
    points: NDArray[np.floating],
    rng: np.random.Generator,
    *,
    spread: float,
) -> NDArray[np.uint8]:
    """Displace the features of a face, alike in all frames, as a wrong expression does.

    Args:
        frames: (F, H, W, 3).
        points: (F, 5, 2) pixels.
        rng: draws one smooth field, which follows the face.
        spread: standard deviation of a displacement, over the eyes' distance.
    """
    height, width = frames.shape[1:3]
    fields = place_mask(_draw_field(rng), fit_faces(points), height=height, width=width)
    sizes_px = spread * measure_eye_distances(points)
    return np.stack(
        [
            _displace(frame, size_px * field, cv2.INTER_CUBIC)
            for frame, field, size_px in zip(frames, fields, sizes_px, strict=True)
        ]
    )


def _to_canvas(units: NDArray[np.floating]) -> NDArray[np.floating]:
    return (units + _CANVAS_ORIGIN) * _CANVAS_UNIT_PX


def _from_canvas(face: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the map from pixels of the canvas to pixels of the frame: (2, 3)."""
    linear = face[:, :2] / _CANVAS_UNIT_PX
    offset = face[:, 2] - face[:, :2] @ _CANVAS_ORIGIN
    return np.column_stack([linear, offset])


def _draw_field(rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw smooth displacements on the canvas, (136, 128, 2), of deviation 1."""
    coarse = rng.normal(0, 1, (6, 5, 2)).astype(np.float32)
    return cv2.resize(coarse, _CANVAS_SIZE, interpolation=cv2.INTER_CUBIC)


def _deform(
    canvas: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Bend a canvas by a field of about a tenth of the eyes' distance."""
    return _displace(canvas, 0.1 * _CANVAS_UNIT_PX * _draw_field(rng))


def _displace(
    image: NDArray[np.generic],
    shifts_px: NDArray[np.float32],
    how: int = cv2.INTER_LINEAR,
) -> NDArray[np.generic]:
    height, width = image.shape[:2]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    places = shifts_px + np.stack([x, y], axis=-1).astype(np.float32)
    return cv2.remap(image, places, None, how, borderMode=cv2.BORDER_REFLECT_101)
