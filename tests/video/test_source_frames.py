"""Parts, thumbnails and reduced pictures of frames are those of the whole frame."""

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange

from mmdeepfake.video.frame_conversion import (
    FrameConverter,
    planes_to_rgb,
    split_planes,
)
from mmdeepfake.video.frame_sources import open_frames
from mmdeepfake.video.source_frames import ArrayFrame, DecodedFrame

SIZE = (150, 202)  # height, width


def draw(size=SIZE, seed=0):
    """A picture of soft colours and some noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 235, (5, 7, 3)).astype(np.uint8)
    soft = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(soft + rng.normal(0, 6, soft.shape), 0, 255).astype(np.uint8)


def decoded(pix_fmt='yuv420p', size=SIZE, space=None, full_range=False):
    picture = av.VideoFrame.from_ndarray(draw(size), format='rgb24')
    frame = picture.reformat(format=pix_fmt)
    if space is not None:
        frame.colorspace = space
    if full_range:
        frame.color_range = ColorRange.JPEG
    return frame, DecodedFrame(frame, FrameConverter())


# Of mean differences, in grey levels: at saturated edges it matters whether colours are
# averaged before or after they are clipped to RGB. A picture one pixel aside has 5.7.
MOST_MEAN = 5.0
FORMATS = ['yuv420p', 'yuvj420p', 'yuv420p10le', 'yuv422p', 'yuv444p', 'gray', 'rgba']


@pytest.mark.parametrize('pix_fmt', FORMATS)
@pytest.mark.parametrize('size', [SIZE, (75, 101), (64, 256), (2, 2), (1, 1)])
def test_parts_are_exactly_those_of_the_whole_frame(pix_fmt, size):
    frame, source = decoded(pix_fmt, size)
    whole = frame.to_ndarray(format='rgb24')
    height, width = size
    assert (source.height, source.width) == size
    np.testing.assert_array_equal(source.whole(), whole)
    rng = np.random.default_rng(3)
    for _ in range(60):
        x1, y1 = rng.integers(0, width), rng.integers(0, height)
        x2, y2 = rng.integers(x1, width) + 1, rng.integers(y1, height) + 1
        part = source.part((int(x1), int(y1), int(x2), int(y2)))
        np.testing.assert_array_equal(part, whole[y1:y2, x1:x2])


@pytest.mark.parametrize('space', [1, 5, 6, 9], ids=['709', '601', '170m', '2020'])
@pytest.mark.parametrize('full_range', [False, True])
def test_parts_and_thumbnails_have_the_colours_that_the_frame_names(space, full_range):
    frame, source = decoded(space=space, full_range=full_range)
    whole = frame.to_ndarray(format='rgb24')
    box = (14, 20, 110, 90)
    np.testing.assert_array_equal(source.part(box), whole[20:90, 14:110])
    thin = source.thinned(4, 3).astype(int)
    assert np.abs(thin - whole[::4, ::3]).max() <= 4


@pytest.mark.parametrize('pix_fmt', FORMATS)
@pytest.mark.parametrize('skips', [(1, 1), (2, 3), (5, 4), (75, 101)])
def test_thinned_frame_is_every_so_manieth_pixel(pix_fmt, skips):
    frame, source = decoded(pix_fmt)
    expected = frame.to_ndarray(format='rgb24')[:: skips[0], :: skips[1]]
    thin = source.thinned(*skips)
    assert thin.shape == expected.shape
    assert np.abs(thin.astype(int) - expected).max() <= 4


@pytest.mark.parametrize('pix_fmt', FORMATS)
@pytest.mark.parametrize('size', [SIZE, (75, 101)])
def test_reduced_frame_is_the_mean_of_its_pixels(pix_fmt, size):
    frame, source = decoded(pix_fmt, size)
    whole = frame.to_ndarray(format='rgb24')
    height, width = size[0] * 2 // 5, size[1] * 2 // 5
    reduced = source.reduced(height, width)
    expected = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    assert reduced.shape == expected.shape == (height, width, 3)
    assert np.abs(reduced.astype(int) - expected).mean() < MOST_MEAN


@pytest.mark.parametrize('is_bt709', [False, True])
@pytest.mark.parametrize('space', [1, 2, 5, 6, 9])
@pytest.mark.parametrize('pix_fmt', [*FORMATS, 'full range'])
def test_planes_show_the_frame_whatever_it_is_coded_in(pix_fmt, space, is_bt709):
    full_range = pix_fmt == 'full range'
    pix_fmt = 'yuv420p' if full_range else pix_fmt
    _, source = decoded(pix_fmt, space=None if pix_fmt == 'rgba' else space)
    if full_range:
        source.picture.color_range = ColorRange.JPEG
    height, width = SIZE
    planes = source.planes(height, width, is_bt709)
    shown = planes_to_rgb(planes, is_bt709=is_bt709).astype(int)
    difference = np.abs(shown - source.whole())
    # Formats with colours at each pixel lose some.
    assert difference.mean() < (2 if pix_fmt.startswith('yuv420') else MOST_MEAN)


@pytest.mark.parametrize('space', [1, 2, 5, 6])
def test_planes_of_most_videos_are_those_that_were_decoded(space):
    frame, source = decoded(space=space)
    assert source.is_bt709 == (space == 1)
    planes = source.planes(*SIZE, source.is_bt709)
    np.testing.assert_array_equal(planes, frame.to_ndarray())


@pytest.mark.parametrize('size', [(152, 204), (74, 100), (300, 404)])
def test_planes_have_the_wanted_size(size):
    _, source = decoded(size=(151, 203))
    shown = planes_to_rgb(source.planes(*size, False), is_bt709=False)
    expected = cv2.resize(source.whole(), size[::-1], interpolation=cv2.INTER_AREA)
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).mean() < MOST_MEAN


@pytest.mark.parametrize('degrees', [90, 180, -90])
def test_turned_frames_are_upright_in_every_form(tmp_path, degrees):
    from preparation_builders import encode

    size = (96, 128)
    path = encode(tmp_path / 'a.mp4', [draw(size, seed) for seed in (1, 2)])
    plain_source = next(open_frames(path).read_unconverted())
    plain = plain_source.whole()
    path = encode(
        tmp_path / 'turned.mp4', [draw(size, s) for s in (1, 2)], rotation=degrees
    )
    source = next(open_frames(path).read_unconverted())
    expected = np.rot90(plain, degrees // 90)
    height, width = expected.shape[:2]
    assert (source.height, source.width) == (height, width)
    np.testing.assert_array_equal(source.whole(), expected)
    np.testing.assert_array_equal(source.part((10, 20, 50, 70)), expected[20:70, 10:50])
    np.testing.assert_array_equal(source.thinned(3, 5), expected[::3, ::5])
    size = (height // 2, width // 2)
    mean = cv2.resize(expected, size[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(source.reduced(*size).astype(int) - mean).mean() < MOST_MEAN
    planes = split_planes(source.planes(height, width, False))
    coded = split_planes(plain_source.planes(96, 128, False))
    for plane, as_coded in zip(planes, coded, strict=True):
        np.testing.assert_array_equal(plane, np.rot90(as_coded, degrees // 90))


def test_frames_kept_while_others_are_read_stay_as_they_are(realff):
    path = realff / 'original_sequences/youtube/c40/videos/003.mp4'
    kept = list(open_frames(path).read_unconverted())
    wholes = list(open_frames(path).read())
    for frame, whole in zip(kept[::19], wholes[::19], strict=True):
        np.testing.assert_array_equal(frame.whole(), whole)
        np.testing.assert_array_equal(
            frame.part((52, 34, 340, 320)), whole[34:320, 52:340]
        )


def test_array_offers_the_same():
    whole = draw()
    source = ArrayFrame(whole)
    assert (source.height, source.width) == SIZE
    np.testing.assert_array_equal(source.whole(), whole)
    np.testing.assert_array_equal(source.part((3, 5, 40, 60)), whole[5:60, 3:40])
    np.testing.assert_array_equal(source.thinned(4, 7), whole[::4, ::7])
    expected = cv2.resize(whole, (101, 75), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(source.reduced(75, 101), expected)
    shown = planes_to_rgb(source.planes(*SIZE, True), is_bt709=True)
    assert np.abs(shown.astype(int) - whole).mean() < MOST_MEAN
