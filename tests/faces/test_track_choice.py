import numpy as np
import pytest

from mmdeepfake.faces.track_choice import changed_shares, choose_dominant, dominance
from mmdeepfake.structures import FaceTrack

SIZE = (100, 200)  # height, width


def make_track(x, side=20, length=30, first_frame=0, score=0.9):
    boxes = np.tile(np.array([x, 40, x + side, 40 + side], float), (length, 1))
    return FaceTrack(
        boxes, first_frame=first_frame, scores=np.full(length, score, np.float32)
    )


def order(tracks, masks=None, num_frames=30):
    chosen = choose_dominant(tracks, masks, num_frames=num_frames, frame_size=SIZE)
    return [tracks.index(track) for track in chosen]


def make_masks(x1, x2, *, shape=SIZE, length=30, level=255):
    """White from column x1 to x2 over the height of the faces."""
    masks = np.zeros((length, *shape), np.uint8)
    high, wide = shape[0] / SIZE[0], shape[1] / SIZE[1]
    rows = slice(round(40 * high), round(60 * high))
    masks[:, rows, round(x1 * wide) : round(x2 * wide)] = level
    return masks


def test_dominance_is_size_times_duration_times_confidence():
    track = make_track(10, side=20, length=15, score=0.8)
    expected = 20 / np.sqrt(100 * 200) * 15 / 30 * 0.8
    found = dominance(track, num_frames=30, height=100, width=200)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    'better', [{'side': 30}, {'length': 30, 'side': 20}, {'score': 0.99}]
)
def test_larger_longer_or_more_confident_face_is_first(better):
    usual = {'side': 20, 'length': 25, 'score': 0.6}
    assert order([make_track(10, **usual), make_track(90, **usual | better)]) == [1, 0]


def test_of_equal_faces_the_earlier_and_the_left_one_is_first():
    tracks = [make_track(90), make_track(10), make_track(10, first_frame=5)]
    assert order(tracks) == [1, 0, 2]
    assert order(tracks[::-1]) == [1, 2, 0]


@pytest.mark.parametrize('shape', [SIZE, (50, 100), (*SIZE, 3)])
def test_mask_decides_against_dominance(shape):
    tracks = [make_track(10, side=40), make_track(150, side=20), make_track(80)]
    masks = make_masks(150, 170, shape=shape[:2])
    if len(shape) == 3:
        masks = masks[..., None].repeat(3, -1)
    assert order(tracks, iter(masks)) == [1, 0, 2]


def test_most_of_the_changed_pixels_decides():
    tracks = [make_track(10), make_track(150)]
    assert order(tracks, make_masks(5, 15) | make_masks(150, 170)) == [1, 0]


def test_shares_count_pixels_in_boxes():
    tracks = [make_track(10), make_track(150, length=10, first_frame=10)]
    masks = make_masks(5, 15) | make_masks(150, 170)
    # Per frame 5 of 30 columns lie in the first, and 20 in the second in frames 10, 15.
    shares = changed_shares(tracks, masks, frame_size=SIZE)
    np.testing.assert_allclose(shares, [5 / 30, 20 / 30 * 2 / 6])


@pytest.mark.parametrize(
    'masks',
    [
        make_masks(10, 30, level=20),  # what a codec leaves of black
        make_masks(0, 0),
        make_masks(90, 140) | make_masks(29, 30),  # nearly all on no face
        np.zeros((0, *SIZE), np.uint8),
    ],
)
def test_mask_without_information_leaves_dominance(masks):
    tracks = [make_track(10), make_track(150, side=25)]
    assert order(tracks, masks) == [1, 0]


def test_mask_of_real_footage_marks_the_face(realff):
    import av

    path = realff / 'manipulated_sequences/FaceSwap/masks/videos/013_014.mp4'
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    masks = [frame.to_ndarray(format='rgb24')]
    height, width = masks[0].shape[:2]
    rows, columns = np.nonzero(masks[0].max(-1) > 128)
    face = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    tracks = [
        FaceTrack(np.tile([0, 0, width * 0.4, height], (96, 1))),
        FaceTrack(np.tile(face, (96, 1))),
    ]
    chosen = choose_dominant(tracks, masks, num_frames=96, frame_size=(height, width))
    assert chosen[0] is tracks[1]
