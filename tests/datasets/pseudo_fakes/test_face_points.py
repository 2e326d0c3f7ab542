import numpy as np
import pytest
from mmaction.datasets.transforms import Resize

from mmdeepfake.datasets.pseudo_fakes.face_points import locate_face_points
from mmdeepfake.datasets.transforms import CropFace
from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.structures import FaceTrack


def make_results(tmp_path, points, num_frames=3):
    boxes = np.tile(np.float32([10, 10, 50, 50]), (num_frames, 1))
    FaceTrack(boxes, points=points).save(tmp_path / 'a.npz')
    frames = [np.zeros((64, 64, 3), np.uint8) for _ in range(2)]
    return dict(
        imgs=frames,
        img_shape=(64, 64),
        original_shape=(64, 64),
        frame_inds=np.array([2, 0]),
        num_clips=1,
        clip_len=2,
        face_boxes=boxes,
        track_file=str(tmp_path / 'a.npz'),
        video_key='v',
    )


def test_points_follow_crop_and_resize(tmp_path):
    points = np.zeros((3, 5, 2), np.float32) + 20
    points[0], points[2, 1] = 30, (25, 15)
    results = make_results(tmp_path, points)
    for step in (CropFace(margin_ratio=1.0), Resize((80, 80), keep_ratio=False)):
        results = step(results)
    # The crop begins at 10 and is enlarged twofold about pixel edges.
    found = locate_face_points(results)
    assert found.shape == (2, 5, 2)
    np.testing.assert_allclose(found[0, 0], 20.5)
    np.testing.assert_allclose(found[0, 1], (30.5, 10.5))
    np.testing.assert_allclose(found[1], 40.5)


def test_track_without_points_or_too_short_is_refused(tmp_path):
    with pytest.raises(DataError, match='video v has no face points'):
        locate_face_points(make_results(tmp_path, None))
    short = make_results(tmp_path, np.zeros((2, 5, 2), np.float32), num_frames=2)
    with pytest.raises(DataError, match='sampled frame 2, but only 2 frames'):
        locate_face_points(short)


def test_flipped_frames_are_refused(tmp_path):
    results = make_results(tmp_path, np.zeros((3, 5, 2), np.float32))
    with pytest.raises(ConfigError, match='before it'):
        locate_face_points({**results, 'flip': True})
