"""The stored part of the frames contains every crop of a later margin."""

import numpy as np
import pytest

from mmdeepfake.errors import DataError
from mmdeepfake.faces.face_region import FaceRegion, choose_region, whole_region


def random_track(rng, height, width):
    side = rng.uniform(20, min(height, width) * 0.8)
    corners = rng.uniform(0, [width - side, height - side], (12, 2))
    sizes = side * rng.uniform(0.7, 1.0, (12, 2))
    return np.concatenate((corners, corners + sizes), axis=1)


@pytest.mark.parametrize('seed', range(15))
def test_region_contains_the_square_of_every_box_inside_the_frame(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(200, 1200, 2).tolist()
    boxes = random_track(rng, height, width)
    region = choose_region(
        boxes, height=height, width=width, margin_ratio=1.6, face_px=224
    )
    x1, y1, x2, y2 = region.x1y1x2y2_px
    assert 0 <= x1 < x2 <= width
    assert 0 <= y1 < y2 <= height
    multiple = 16  # of pixels, at the scales that need most
    for box in boxes:
        half = max(box[2] - box[0], box[3] - box[1]) * 1.6 / 2
        for start, end, low, high, limit in (
            (x1, x2, box[0], box[2], width),
            (y1, y2, box[1], box[3], height),
        ):
            middle = (low + high) / 2
            # A region as long as the frame may lack what is no whole multiple, any
            # other one the last pixel of an odd side.
            lacking = multiple * (end - start + multiple > limit) or limit % 2
            assert start <= max(0, middle - half) + lacking
            assert end >= min(limit, middle + half) - lacking


@pytest.mark.parametrize('seed', range(15))
def test_clip_has_even_sides_of_exactly_the_scale(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(200, 1200, 2).tolist()
    region = choose_region(
        random_track(rng, height, width),
        height=height,
        width=width,
        margin_ratio=1.6,
        face_px=64,
    )
    x1, y1, x2, y2 = region.x1y1x2y2_px
    clip = region.cut(np.zeros((height, width, 3), np.uint8))
    assert (x1 % 2, y1 % 2, clip.shape[0] % 2, clip.shape[1] % 2) == (0, 0, 0, 0)
    assert clip.shape[:2] == ((y2 - y1) * region.scale, (x2 - x1) * region.scale)


@pytest.mark.parametrize(
    ('side_px', 'eighths'),
    [(100, 8), (224, 8), (225, 8), (256, 7), (260, 7), (448, 4), (3000, 1)],
)
def test_large_faces_are_reduced_to_no_less_than_asked_for(side_px, eighths):
    boxes = np.array([[500, 500, 500 + side_px, 500 + side_px * 0.8]])
    region = choose_region(
        boxes, height=4000, width=4000, margin_ratio=1.6, face_px=224
    )
    assert region.eighths == eighths
    assert side_px * region.scale >= min(side_px, 224)


def test_cut_shows_the_pixels_of_the_region():
    frame = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    cut = FaceRegion((10, 20, 50, 52), 8).cut(frame)
    np.testing.assert_array_equal(cut, frame[20:52, 10:50])
    half = FaceRegion((10, 20, 50, 52), 4).cut(frame)
    means = frame[20:52, 10:50].reshape(16, 2, 20, 2, 3).astype(float).mean((1, 3))
    assert np.abs(half - means).max() <= 0.5


def test_whole_region_lacks_the_last_odd_row_and_column():
    assert whole_region(height=225, width=224) == ((0, 0, 224, 224), 8)


def test_frame_of_one_pixel_is_refused():
    with pytest.raises(DataError, match='1 x 40 pixels'):
        whole_region(height=40, width=1)
