"""Faces that deserve less trust are named, others are not."""

import cv2
import numpy as np
import pytest

from mmdeepfake.inference.face_quality import (
    FaceLook,
    list_track_doubts,
    measure_motion,
    measure_size,
)
from mmdeepfake.structures import FaceTrack

SIDE = 224


def make_face(*, moves=True, sigma=0.0):
    """Four frames of noise that is shifted from frame to frame."""
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    if sigma:
        frame = cv2.GaussianBlur(frame, (0, 0), sigma)
    return np.stack([np.roll(frame, i * moves, axis=1) for i in range(4)])


@pytest.mark.parametrize(
    ('face', 'expected'),
    [
        (make_face(), []),
        (make_face(moves=False), ['still']),
        (make_face(sigma=6), ['blurred']),
        (make_face(moves=False, sigma=6), ['still', 'blurred']),
        (make_face()[:1], []),  # of one frame nobody knows whether it moves
    ],
)
def test_still_and_blurred_faces_are_named(face, expected):
    look = FaceLook()
    look.add(face)
    assert [doubt.kind for doubt in look.list_doubts()] == expected


def test_motion_is_the_mean_difference_of_adjacent_frames():
    frames = np.zeros((3, 8, 8, 3), np.uint8)
    frames[1], frames[2] = 4, 6
    assert measure_motion(frames) == pytest.approx((4 + 2) / 2)


@pytest.mark.parametrize(
    ('box', 'expected'),
    [
        ((100, 100, 220, 230), []),
        ((100, 100, 160, 170), ['small']),
        ((0, 100, 120, 230), ['cut off']),
        ((300, 100, 400, 230), ['cut off']),
        ((100, 250, 170, 300), ['small', 'cut off']),
    ],
)
def test_small_and_cut_off_faces_are_named(box, expected):
    track = FaceTrack(np.tile(np.array(box, np.float32), (5, 1)))
    doubts = list_track_doubts(track, height=300, width=400)
    assert [doubt.kind for doubt in doubts] == expected
    assert measure_size(track) == max(box[2] - box[0], box[3] - box[1])
