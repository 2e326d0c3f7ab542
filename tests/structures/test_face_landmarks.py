import numpy as np
import pytest

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.structures.face_landmarks import (
    INNER_FACE,
    MIRRORED,
    MOUTH,
    read_landmarks,
)

# Read off the figure of the 68 points; points on the axis map to themselves.
PAIRS = [
    *((0, 16), (1, 15), (2, 14), (3, 13), (4, 12), (5, 11), (6, 10), (7, 9)),
    *((17, 26), (18, 25), (19, 24), (20, 23), (21, 22)),
    *((31, 35), (32, 34)),
    *((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)),
    *((48, 54), (49, 53), (50, 52), (55, 59), (56, 58)),
    *((60, 64), (61, 63), (65, 67)),
]
ON_AXIS = [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]


def test_mirror_swaps_left_and_right():
    expected = {a: b for a, b in PAIRS} | {b: a for a, b in PAIRS}
    expected |= {point: point for point in ON_AXIS}
    assert dict(enumerate(MIRRORED.tolist())) == expected


def test_parts_are_the_known_runs():
    points = list(range(68))
    assert len(points[INNER_FACE]) == 51
    assert points[MOUTH] == list(range(48, 68))


@pytest.mark.parametrize('name', ['points.npz', 'points.npy'])
@pytest.mark.parametrize('num_points', [68, 81])
def test_both_kinds_of_file_are_read(tmp_path, name, num_points):
    points = np.random.default_rng(0).uniform(0, 99, (3, num_points, 2))
    if name.endswith('npz'):
        np.savez(tmp_path / name, points=points)
    else:
        np.save(tmp_path / name, points)
    found = read_landmarks(tmp_path / name)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, points[:, :68], rtol=1e-6)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataNotFoundError, match=r'none\.npz'):
        read_landmarks(tmp_path / 'none.npz')


@pytest.mark.parametrize(
    ('arrays', 'message'),
    [
        (dict(other=np.zeros(3)), "no array 'points'"),
        (dict(points=np.zeros((3, 5, 2))), r'\(3, 5, 2\)'),
        (dict(points=np.full((3, 68, 2), np.nan)), 'not finite'),
    ],
)
def test_useless_file_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / 'points.npz', **arrays)
    with pytest.raises(DataError, match=message):
        read_landmarks(tmp_path / 'points.npz')


def test_torn_file_is_refused(tmp_path):
    path = tmp_path / 'points.npz'
    np.savez(path, points=np.zeros((3, 68, 2)))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r'points\.npz'):
        read_landmarks(path)
