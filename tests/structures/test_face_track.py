import numpy as np
import pytest

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.structures import FaceTrack

BOXES = np.array([[10, 20, 30, 50], [11, 20, 31, 50]], np.float32)


def make_track(**fields):
    points = np.arange(20, dtype=np.float32).reshape(2, 5, 2)
    return FaceTrack(
        **{'boxes': BOXES, 'first_frame': 3, 'points': points}
        | {'detected': np.array([True, False]), 'scores': np.array([0.9, 0.5])}
        | {'region': (4, 8, 60, 80), 'scale': 0.5}
        | fields
    )


def test_what_is_saved_is_loaded(tmp_path):
    track = make_track()
    track.save(tmp_path / 'ä track.npz')
    loaded = FaceTrack.load(tmp_path / 'ä track.npz')
    for name in ('boxes', 'detected', 'scores', 'points'):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(track, name))
    assert (loaded.first_frame, loaded.region, loaded.scale) == (3, (4, 8, 60, 80), 0.5)
    assert [path.name for path in tmp_path.iterdir()] == ['ä track.npz']


def test_the_same_track_makes_the_same_bytes(tmp_path):
    for name in 'ab':
        make_track().save(tmp_path / name)
    assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()


def test_pixels_of_the_clip_start_at_the_region_and_are_scaled():
    track = make_track()
    np.testing.assert_allclose(track.boxes_in_clip()[0], [3, 6, 13, 21])
    np.testing.assert_allclose(track.points_in_clip()[0, 0], [-2, -3.5])


def test_of_an_uncut_video_pixels_of_clip_and_source_are_the_same():
    track = FaceTrack(BOXES)
    np.testing.assert_array_equal(track.boxes_in_clip(), BOXES)
    assert track.points_in_clip() is None
    assert track.detected.all()
    assert (track.scores == 1).all()


@pytest.mark.parametrize(
    ('fields', 'message'),
    [
        ({'boxes': np.zeros((0, 4))}, r'\(0, 4\)'),
        ({'boxes': BOXES[:, :3]}, r'\(2, 3\)'),
        ({'boxes': BOXES[:, [2, 1, 0, 3]]}, 'x1 < x2'),
        ({'boxes': BOXES * np.nan}, 'x1 < x2'),
        ({'scores': np.zeros(3)}, r'\(3,\) for 2 boxes'),
        ({'points': np.zeros((2, 4, 2))}, r'\(2, 4, 2\)'),
        ({'first_frame': -1}, 'first_frame -1'),
        ({'scale': 0.0}, r'scale 0\.0'),
    ],
)
def test_impossible_track_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        make_track(**fields)


def test_damaged_or_missing_file_is_named(tmp_path):
    path = tmp_path / 'track.npz'
    with pytest.raises(DataNotFoundError, match=r'track\.npz'):
        FaceTrack.load(path)
    make_track().save(path)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b'', b'no archive'):
        path.write_bytes(content)
        with pytest.raises(DataError, match='damaged'):
            FaceTrack.load(path)


def test_pickled_objects_are_not_loaded(tmp_path):
    path = tmp_path / 'track.npz'
    np.savez(path, boxes=np.array([object()]))
    with pytest.raises(DataError, match='damaged'):
        FaceTrack.load(path)
