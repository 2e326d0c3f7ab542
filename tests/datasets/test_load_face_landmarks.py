import numpy as np
import pytest
from landmark_builders import draw_landmarks, make_results, write_landmarks
from mmaction.datasets.transforms import Flip, Resize

from mmdeepfake.datasets.transforms import CropFace, LoadFaceLandmarks
from mmdeepfake.errors import ConfigError, DataError

# A few points of one frame, x and y, at least 6 pixels apart.
SPOTS = {8: (30, 50), 27: (31, 24), 36: (20, 22), 45: (42, 20), 48: (24, 40)}
PARTNER = {8: 8, 27: 27, 36: 45, 45: 36, 48: 54}


def make_spotted_frame():
    """Return a frame that is white at the spots, and their points."""
    frame = np.zeros((64, 64, 3), np.uint8)
    points = np.zeros((1, 68, 2), np.float32)
    for which, (x, y) in SPOTS.items():
        frame[y, x] = 255
        points[0, which] = (x, y)
    return frame, points


def run(steps, results):
    for step in (*steps, LoadFaceLandmarks()):
        results = step(results)
    return results


@pytest.mark.parametrize('box', ['frame', 'snippet', 'video'])
@pytest.mark.parametrize('flip_ratio', [0.0, 1.0])
def test_points_follow_the_pixels_through_crop_resize_and_flip(
    tmp_path, box, flip_ratio
):
    frame, points = make_spotted_frame()
    results = make_results(
        [frame],
        write_landmarks(tmp_path / 'a.npz', points),
        face_boxes=np.array([[14, 12, 54, 52]], np.float32),
    )
    steps = [
        CropFace(margin_ratio=1.0, box=box),
        Resize(scale=(120, 120), keep_ratio=False, interpolation='nearest'),
        Flip(flip_ratio=flip_ratio),
    ]
    results = run(steps, results)
    found, image = results['face_landmarks'], results['imgs'][0][..., 0]
    assert found.shape == (1, 68, 2) and found.dtype == np.float32
    for which, partner in PARTNER.items():
        x, y = found[0, partner if flip_ratio else which]
        # A pixel has become three by three, with the point in their middle.
        assert (x, y) == (round(x), round(y))
        block = image[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2]
        assert block.all() and block.shape == (3, 3), which


def test_flip_is_followed_as_it_was_drawn(tmp_path):
    points = draw_landmarks(2)
    path = write_landmarks(tmp_path / 'a.npz', points)
    frame, _ = make_spotted_frame()
    flipped = set()
    for _ in range(20):
        results = run([Flip(flip_ratio=0.5)], make_results([frame, frame], path))
        in_image = results['imgs'][0][22, 20, 0] == 0
        in_points = not np.allclose(results['face_landmarks'], points, atol=1e-4)
        assert in_image == in_points
        flipped.add(in_image)
    assert flipped == {True, False}


def test_points_are_those_of_the_sampled_frames(tmp_path):
    points = draw_landmarks(9, moving=5)
    path = write_landmarks(tmp_path / 'a.npz', points)
    frames = np.zeros((3, 64, 64, 3), np.uint8)
    sampled = dict(frame_inds=np.array([5, 2, 2]))
    found = run([], make_results(frames, path, **sampled))['face_landmarks']
    np.testing.assert_allclose(found, points[[5, 2, 2]], atol=1e-4)
    sampled['source_frames'] = np.array([0, 2, 4, 6, 8, 8])  # some frames were lost
    found = run([], make_results(frames, path, **sampled))['face_landmarks']
    np.testing.assert_allclose(found, points[[8, 4, 4]], atol=1e-4)


@pytest.mark.parametrize(
    ('changes', 'error', 'message'),
    [
        (dict(landmarks=None), DataError, "'a.tar' .*--landmarks"),
        (dict(frame_inds=np.array([7])), DataError, 'frame 7, .* 3 frames'),
        (dict(crop_quadruple=np.zeros(4)), ConfigError, 'crop_quadruple'),
        (
            dict(flip=True, flip_direction='vertical'),
            ConfigError,
            "flip_direction='vertical'",
        ),
    ],
)
def test_unsupported_input_is_rejected(tmp_path, changes, error, message):
    path = write_landmarks(tmp_path / 'a.npz', draw_landmarks(3))
    results = make_results(np.zeros((1, 64, 64, 3), np.uint8), path, **changes)
    with pytest.raises(error, match=message):
        LoadFaceLandmarks()(results)
