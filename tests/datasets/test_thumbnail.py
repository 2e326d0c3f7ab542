import cv2
import numpy as np
import pytest
from builders import make_video, read_index
from mmengine.dataset import Compose

import mmdeepfake.datasets  # noqa: F401
from mmdeepfake.datasets.transforms.thumbnail import (
    CutOutSquare,
    ThumbnailLayout,
    tile_frames,
)
from mmdeepfake.errors import ConfigError


def make_frames(count=8, size=(8, 12)):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(count)]


def lay_out(frames, clip_len=4, **settings):
    results = dict(imgs=frames, clip_len=clip_len, num_clips=len(frames) // clip_len)
    return ThumbnailLayout(**settings)(results)['imgs']


def quarters(image):
    height, width = image.shape[0] // 2, image.shape[1] // 2
    return [
        image[y : y + height, x : x + width] for y in (0, height) for x in (0, width)
    ]


def test_frames_lie_row_by_row():
    frames = [np.full((2, 3, 3), number, np.uint8) for number in range(6)]
    image = tile_frames(frames, num_columns=3)
    assert image.shape == (4, 9, 3)
    assert image[::2, ::3, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_other_grids_lie_as_they_say():
    frames = [np.full((6, 6, 3), 10 * number, np.uint8) for number in range(6)]
    (image,) = lay_out(frames, clip_len=6, rows=2, columns=3)
    assert image.shape == (6, 6, 3)
    assert image[::3, ::2, 0].tolist() == [[0, 10, 20], [30, 40, 50]]


def test_frames_are_enlarged_again_and_the_image_is_shrunk():
    frames = make_frames(4)
    (image,) = lay_out(frames)
    small = [cv2.resize(f, (6, 4), interpolation=cv2.INTER_AREA) for f in frames]
    large = [cv2.resize(f, (12, 8), interpolation=cv2.INTER_LINEAR) for f in small]
    for tile, frame in zip(quarters(image), large, strict=True):
        for y in range(4):
            for x in range(6):
                # Bilinear at half the size is the mean of four pixels.
                cell = frame[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].astype(float)
                assert np.abs(tile[y, x] - cell.mean(axis=(0, 1))).max() <= 1


def test_snippets_become_images_in_a_pipeline(tmp_path):
    path = make_video(tmp_path / 'a.mp4', num_frames=16, size=(128, 128))
    pipeline = Compose(
        [
            dict(type='OpenVideo'),
            dict(type='SampleSnippets', num_snippets=2, clip_len=4, position='centred'),
            dict(type='DecodeFrames'),
            dict(type='ThumbnailLayout'),
            dict(type='FormatShape', input_format='NCHW'),
        ]
    )
    results = pipeline(dict(filename=str(path)))
    assert results['imgs'].shape == (2, 3, 128, 128)
    shown = [
        read_index(quarter)
        for image in results['imgs'].transpose(0, 2, 3, 1)
        for quarter in quarters(image)
    ]
    assert shown == results['frame_inds'].tolist() == [2, 3, 4, 5, 10, 11, 12, 13]


@pytest.mark.parametrize(
    ('size', 'arguments', 'message'),
    [
        ((8, 12), dict(clip_len=8), '2 x 2 tiles, .* 8 frames'),
        ((7, 12), {}, '7 x 12 pixels'),
        ((8, 12), dict(rows=0), 'rows=0'),
    ],
)
def test_impossible_grid_is_rejected(size, arguments, message):
    with pytest.raises(ConfigError, match=f'^ThumbnailLayout: .*{message}'):
        lay_out(make_frames(size=size), **arguments)


def test_one_square_is_cut_out_of_all_frames_at_the_same_place():
    frames = make_frames(4, size=(56, 56))
    places = set()
    for _ in range(30):
        painted = CutOutSquare(side_ratio=1 / 7)(dict(imgs=frames))['imgs']
        masks = np.stack(
            [(a != b).any(axis=2) for a, b in zip(painted, frames, strict=True)]
        ).any(axis=0)
        rows, columns = np.flatnonzero(masks.any(1)), np.flatnonzero(masks.any(0))
        assert 4 <= np.ptp(rows) + 1 <= 8 and 4 <= np.ptp(columns) + 1 <= 8
        inside = np.ix_(rows, columns)
        assert all((frame[inside] == [124, 116, 104]).all() for frame in painted)
        places.add((rows[0], columns[0]))
    assert len(places) > 20
    assert (frames[0] == make_frames(1, size=(56, 56))[0]).all()


@pytest.mark.parametrize('ratio', [0, 1.5])
def test_invalid_side_is_rejected(ratio):
    with pytest.raises(ConfigError, match=f'side_ratio={ratio}'):
        CutOutSquare(side_ratio=ratio)
