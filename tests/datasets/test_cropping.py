import numpy as np
import pytest

from mmdeepfake.datasets.transforms import CropFace
from mmdeepfake.datasets.transforms.cropping import centre_square, square_inside_frame
from mmdeepfake.errors import ConfigError, DataError

NUM_SNIPPETS, CLIP_LEN = 2, 3


def crop(face_boxes=None, size=(60, 100), frame_inds=(0, 1, 2, 4, 5, 6), **arguments):
    """Crop frames whose pixels hold their own row and column."""
    height, width = size
    rows, columns = np.mgrid[:height, :width]
    frame = np.stack((rows, columns, rows), axis=-1).astype(np.uint8)
    results = {
        'imgs': [frame.copy() for _ in frame_inds],
        'img_shape': size,
        'frame_inds': np.array(frame_inds),
        'num_clips': NUM_SNIPPETS,
        'clip_len': CLIP_LEN,
        'filename': 'a.mp4',
    }
    if face_boxes is not None:
        results['face_boxes'] = np.array(face_boxes, np.float32)
    return CropFace(**arguments)(results)


def moving_boxes(num_frames=8):
    """A 10 x 12 box that moves by 4 px to the right a frame."""
    return [(20 + 4 * i, 20, 30 + 4 * i, 32) for i in range(num_frames)]


@pytest.mark.parametrize(
    ('box', 'margin_ratio', 'expected'),
    [
        ((40, 20, 50, 32), 1.0, (39, 20, 51, 32)),  # square on the longer side
        ((40, 20, 50, 30), 2.0, (35, 15, 55, 35)),  # margin on all sides
        ((0, 0, 10, 10), 2.0, (0, 0, 20, 20)),  # moved inwards, not cut
        ((90, 50, 100, 60), 2.0, (80, 40, 100, 60)),
        ((20, 5, 80, 55), 1.3, (20, 0, 80, 60)),  # no larger than the frame
    ],
)
def test_square_is_grown_and_moved_into_the_frame(box, margin_ratio, expected):
    square = square_inside_frame(
        np.array([box], float), margin_ratio=margin_ratio, height=60, width=100
    )
    assert square.tolist() == [list(expected)]


def test_any_box_gives_a_square_inside_the_frame():
    rng = np.random.default_rng(0)
    low = rng.uniform(-20, 90, (500, 2))
    boxes = np.concatenate((low, low + rng.uniform(0.1, 80, (500, 2))), axis=1)
    squares = square_inside_frame(boxes, margin_ratio=1.3, height=60, width=100)
    x1, y1, x2, y2 = squares.T
    assert ((x2 - x1) == (y2 - y1)).all() and (x2 > x1).all()
    assert squares.min() >= 0
    assert (x2 <= 100).all() and (y2 <= 60).all()


def test_box_is_the_mean_over_each_snippet_and_the_same_for_its_frames():
    boxes = crop(moving_boxes(), margin_ratio=1.0)['crop_boxes']
    assert boxes.tolist() == [[23, 20, 35, 32]] * 3 + [[39, 20, 51, 32]] * 3


def test_box_of_the_video_holds_all_sampled_boxes_in_every_frame():
    results = crop(moving_boxes(), margin_ratio=1.0, box='video')
    assert results['crop_boxes'].tolist() == [[20, 9, 54, 43]] * 6


def test_box_of_the_frame_follows_it():
    boxes = crop(moving_boxes(), margin_ratio=1.0, box='frame')['crop_boxes']
    assert boxes[:, 0].tolist() == [19, 23, 27, 35, 39, 43]


def test_default_is_one_box_a_snippet_with_a_margin_of_a_third():
    results = crop([(40, 20, 50, 30)])
    assert results['crop_boxes'][0].tolist() == [38, 18, 51, 31]
    assert crop(moving_boxes())['crop_boxes'].tolist() == (
        crop(moving_boxes(), box='snippet', margin_ratio=1.3)['crop_boxes'].tolist()
    )


def test_one_box_serves_every_frame():
    boxes = crop([(40, 20, 50, 30)], margin_ratio=1.0, box='frame')['crop_boxes']
    assert boxes.tolist() == [[40, 20, 50, 30]] * 6


def test_pixels_are_those_of_the_box():
    results = crop([(40, 20, 50, 30)], margin_ratio=1.0)
    image = results['imgs'][0]
    assert image.shape == (10, 10, 3)
    assert results['img_shape'] == (10, 10)
    assert (image[0, :, 1] == np.arange(40, 50)).all()
    assert (image[:, 0, 0] == np.arange(20, 30)).all()


def test_unknown_face_falls_back_to_a_square_in_the_middle():
    results = crop(centre_ratio=0.5)
    assert results['crop_boxes'][0].tolist() == [35, 15, 65, 45]
    assert centre_square(ratio=1.0, height=100, width=60).tolist() == [[0, 20, 60, 80]]


def test_unknown_face_can_leave_the_frame_uncropped():
    results = crop(fallback='whole')
    assert results['img_shape'] == (60, 100)
    assert results['crop_boxes'][0].tolist() == [0, 0, 100, 60]


def test_margin_of_a_range_is_drawn_once_a_video():
    sides = set()
    for _ in range(20):
        boxes = crop([(40, 20, 60, 40)], margin_ratio=(1.0, 2.0))['crop_boxes']
        side = set((boxes[:, 2] - boxes[:, 0]).tolist())
        assert len(side) == 1
        sides |= side
    assert len(sides) > 5 and min(sides) >= 20 and max(sides) <= 40


def test_too_few_boxes_are_rejected():
    with pytest.raises(DataError, match=r"'a\.mp4': .* frame 6, .* 5 frames"):
        crop(moving_boxes(5))


@pytest.mark.parametrize(
    ('arguments', 'value'),
    [
        ({'margin_ratio': 0}, 'margin_ratio=0'),
        ({'margin_ratio': (2, 1)}, r'margin_ratio=\(2, 1\)'),
        ({'box': 'clip'}, "box='clip'.*'frame', 'snippet', 'video'"),
        ({'fallback': 'none'}, "fallback='none'.*'centre', 'whole'"),
        ({'centre_ratio': 1.5}, r'centre_ratio=1\.5'),
    ],
)
def test_invalid_argument_is_rejected(arguments, value):
    with pytest.raises(ConfigError, match=f'^CropFace: {value}'):
        CropFace(**arguments)
