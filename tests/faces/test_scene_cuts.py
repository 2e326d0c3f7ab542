import cv2
import numpy as np
import pytest

from mmdeepfake.faces.scene_cuts import SceneCutFinder, make_thumbnail

HEIGHT, WIDTH = 90, 160


def make_scene(seed, *, width=WIDTH):
    """Return a still image of soft colours, (90, width, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 10 * width // WIDTH, 3))
    return cv2.resize(
        coarse.astype(np.uint8), (width, HEIGHT), interpolation=cv2.INTER_CUBIC
    )


def still(seed, length, noise=3.0):
    rng = np.random.default_rng(seed + 100)
    scene = make_scene(seed).astype(float)
    return [to_image(scene + rng.normal(0, noise, scene.shape)) for _ in range(length)]


def to_image(values):
    return np.clip(values, 0, 255).astype(np.uint8)


def find_cuts(frames, threshold=12.0):
    finder = SceneCutFinder(threshold)
    possible = [index for index, frame in enumerate(frames) if finder.add(frame)]
    cuts = finder.finish()
    assert set(cuts) <= set(possible)  # the detector runs on these
    return cuts


def test_cuts_are_where_the_scenes_change():
    frames = still(1, 20) + still(2, 13) + still(3, 30)
    assert find_cuts(frames) == [20, 33]


def test_cut_right_before_the_end_is_found():
    assert find_cuts(still(1, 20) + still(2, 1)) == [20]


@pytest.mark.parametrize('length', [0, 1, 2, 30])
def test_one_scene_has_no_cut(length):
    assert find_cuts(still(1, length)) == []


@pytest.mark.parametrize(('pixels', 'repeats'), [(2, 1), (12, 1), (14, 2)])
def test_pan_is_not_a_cut(pixels, repeats):
    scene = make_scene(4, width=8 * WIDTH)
    starts = [pixels * (index // repeats) for index in range(60)]
    assert find_cuts([scene[:, x : x + WIDTH] for x in starts]) == []


def test_cut_between_two_pans_is_found():
    frames = []
    for seed in (6, 7):
        scene = make_scene(seed, width=4 * WIDTH)
        frames += [scene[:, 4 * k : 4 * k + WIDTH] for k in range(30)]
    assert find_cuts(frames) == [30]


def test_fade_that_never_gets_black_is_not_a_cut():
    scene = make_scene(8).astype(float)
    levels = [*np.linspace(1, 0.2, 12), *np.linspace(0.2, 1, 12)]
    assert find_cuts([to_image(scene * level) for level in levels]) == []


def test_fade_through_black_is_one_cut():
    levels = np.linspace(1, 0, 15)
    out = [to_image(make_scene(8) * level) for level in levels]
    back = [to_image(make_scene(9) * level) for level in levels[::-1]]
    black = [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 8
    cuts = find_cuts(out + black + back)
    assert len(cuts) == 1
    assert len(out + black) - 2 <= cuts[0] <= len(out + black) + 2


def test_black_before_the_first_scene_is_not_a_cut():
    black = [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 8
    back = [to_image(make_scene(9) * level) for level in np.linspace(0, 1, 15)]
    assert find_cuts(black + back) == []


@pytest.mark.parametrize('length', [1, 3])
@pytest.mark.parametrize('is_white', [True, False])
def test_flash_is_not_a_cut(length, is_white):
    frames = still(1, 40)
    for index in range(20, 20 + length):
        frames[index] = to_image(frames[index] * 1.5 + 90)
        if is_white:
            frames[index][:] = 255
    assert find_cuts(frames) == []


def test_cut_beside_a_flash_is_found():
    frames = still(1, 40) + still(2, 40)
    frames[30][:] = 255
    assert find_cuts(frames) == [40]


def test_dissolve_is_not_found():
    first, second = make_scene(1).astype(float), make_scene(2).astype(float)
    frames = [to_image(first * (1 - k) + second * k) for k in np.linspace(0, 1, 25)]
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
            for frame, _ in zip(container.decode(video=0), range(24), strict=False):
                frames.append(frame.to_ndarray(format='rgb24', width=192, height=108))
    assert find_cuts(frames) == [24, 48, 72]
