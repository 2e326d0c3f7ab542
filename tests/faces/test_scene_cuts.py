import cv2
import numpy as np
import pytest

from mmdeepfake.faces.scene_cuts import SceneCutFinder, make_thumbnail

HEIGHT, WIDTH = 90, 160


def make_scene(seed, *, width=WIDTH):
    """A still picture of soft colours, (90, width, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 10 * width // WIDTH, 3))
    return cv2.resize(
        coarse.astype(np.uint8), (width, HEIGHT), interpolation=cv2.INTER_CUBIC
    )


def still(seed, length, noise=3.0):
    rng = np.random.default_rng(seed + 100)
    scene = make_scene(seed).astype(float)
    return [
        to_picture(scene + rng.normal(0, noise, scene.shape)) for _ in range(length)
    ]


def to_picture(values):
    return np.clip(values, 0, 255).astype(np.uint8)


def find_cuts(frames, threshold=12.0):
    finder = SceneCutFinder(threshold)
    told = [index for index, frame in enumerate(frames) if finder.add(frame)]
    cuts = finder.finish()
    assert set(cuts) <= set(told)  # the detector looks at every frame told of
    return cuts


def test_cuts_are_where_the_scenes_change():
    frames = still(1, 20) + still(2, 13) + still(3, 30)
    assert find_cuts(frames) == [20, 33]


def test_cut_right_before_the_end_is_found():
    assert find_cuts(still(1, 20) + still(2, 1)) == [20]


@pytest.mark.parametrize('length', [1, 2, 30])
def test_one_scene_has_no_cut(length):
    assert find_cuts(still(1, length)) == []


def test_no_frames_have_no_cut():
    assert find_cuts([]) == []


@pytest.mark.parametrize('pixels_a_frame', [2, 12])
def test_pan_is_no_cut(pixels_a_frame):
    scene = make_scene(4, width=8 * WIDTH)
    starts = range(0, 7 * WIDTH, pixels_a_frame)[:60]
    assert find_cuts([scene[:, x : x + WIDTH] for x in starts]) == []


def test_pan_with_repeated_frames_is_no_cut():
    scene = make_scene(5, width=8 * WIDTH)
    starts = [14 * (index // 2) for index in range(60)]
    assert find_cuts([scene[:, x : x + WIDTH] for x in starts]) == []


def test_cut_between_two_pans_is_found():
    frames = []
    for seed in (6, 7):
        scene = make_scene(seed, width=4 * WIDTH)
        frames += [scene[:, 4 * k : 4 * k + WIDTH] for k in range(30)]
    assert find_cuts(frames) == [30]


def test_fade_to_black_and_back_in_is_no_cut_while_something_shows():
    scene = make_scene(8).astype(float)
    levels = [*np.linspace(1, 0.2, 12), *np.linspace(0.2, 1, 12)]
    assert find_cuts([to_picture(scene * level) for level in levels]) == []


def test_fade_through_black_is_one_cut():
    levels = np.linspace(1, 0, 15)
    out = [to_picture(make_scene(8) * level) for level in levels]
    back = [to_picture(make_scene(9) * level) for level in levels[::-1]]
    black = [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 8
    cuts = find_cuts(out + black + back)
    assert len(cuts) == 1
    assert len(out + black) - 2 <= cuts[0] <= len(out + black) + 2


def test_black_before_the_first_scene_is_no_cut_of_a_fade():
    black = [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 8
    back = [to_picture(make_scene(9) * level) for level in np.linspace(0, 1, 15)]
    assert find_cuts(black + back) == []


@pytest.mark.parametrize('length', [1, 2, 3])
@pytest.mark.parametrize('is_white', [True, False])
def test_flash_is_no_cut(length, is_white):
    frames = still(1, 40)
    for index in range(20, 20 + length):
        frames[index] = to_picture(frames[index] * 1.5 + 90)
        if is_white:
            frames[index][:] = 255
    assert find_cuts(frames) == []


def test_cut_beside_a_flash_is_found():
    frames = still(1, 40) + still(2, 40)
    frames[30][:] = 255
    assert find_cuts(frames) == [40]


def test_dissolve_is_not_found():
    first, second = make_scene(1).astype(float), make_scene(2).astype(float)
    frames = [to_picture(first * (1 - k) + second * k) for k in np.linspace(0, 1, 25)]
    assert find_cuts(frames) == []


def test_threshold_decides():
    frames = still(1, 20) + still(2, 20)
    assert find_cuts(frames, threshold=255.0) == []


@pytest.mark.parametrize('size', [(1, 1), (17, 400), (90, 160), (1080, 1920)])
def test_thumbnail_keeps_the_mean_colour_of_any_frame(size):
    frame = np.full((*size, 3), (10, 100, 200), np.uint8)
    thumbnail = make_thumbnail(frame)
    assert thumbnail.shape == (18, 32, 3)
    np.testing.assert_allclose(thumbnail.mean((0, 1)), [10, 100, 200])


def test_cuts_between_people_of_real_footage_are_found(realff):
    import av

    folder = realff / 'original_sequences/youtube/c40/videos'
    frames = []
    for name in ('000', '014', '019', '010'):
        with av.open(str(folder / f'{name}.mp4')) as container:
            clip = [f.to_ndarray(format='rgb24') for f in container.decode(video=0)]
        frames += [cv2.resize(frame, (192, 108)) for frame in clip[:48]]
    assert find_cuts(frames) == [48, 96, 144]
