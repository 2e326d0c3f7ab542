import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.figure import Figure

from mmdeepfake.errors import DataError
from mmdeepfake.visualization.difference_plot import Region, measure_changes
from mmdeepfake.visualization.evidence import BasisRegions
from mmdeepfake.visualization.figure_files import render, save_png_and_pdf
from mmdeepfake.visualization.heat_grid import find_peak_snippet, scale_to_peak, spread
from mmdeepfake.visualization.overlays import (
    HEAT_COLOURS,
    outline_masks,
    overlay_heat,
    overlay_regions,
    region_colours,
)
from mmdeepfake.visualization.region_plot import RegionImage


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 255, (3, 10, 12, 3), dtype=np.uint8)


def test_changes_match_the_loops(frames):
    changes = measure_changes(frames, Region(0.25, 0.2, 0.75, 0.6))
    for step in range(2):
        total, count = 0, 0
        for row in range(2, 6):
            for column in range(3, 9):
                for colour in range(3):
                    before = int(frames[step, row, column, colour])
                    total += abs(int(frames[step + 1, row, column, colour]) - before)
                    count += 1
        assert changes[step] == pytest.approx(total / count)


def test_still_video_does_not_change(frames):
    still = frames[:1].repeat(4, axis=0)
    assert not measure_changes(still, Region(0, 0, 1, 1)).any()


def test_cold_positions_stay_as_they_are(frames):
    maps = np.zeros((3, 10, 12), np.float32)
    maps[:, 0, 0] = 1
    drawn = overlay_heat(frames, maps)
    np.testing.assert_array_equal(drawn[:, 1:], frames[:, 1:])
    assert (drawn[:, 0, 0] != frames[:, 0, 0]).any()


def test_small_maps_are_enlarged_to_the_frames(frames):
    drawn = overlay_heat(frames, np.ones((3, 2, 2), np.float32), strength=1.0)
    assert (drawn == drawn[0, 0, 0]).all()  # one colour everywhere


def test_heat_has_the_colours_of_matplotlib():
    grey = np.full((1, 1, 300, 3), 128, np.uint8)
    heat = np.linspace(0, 1, 300, dtype=np.float32)[None, None]
    expected = (255 * colormaps[HEAT_COLOURS](heat)[..., :3]).round()
    opacity = 0.5 * heat[..., None]
    drawn = overlay_heat(grey, heat, strength=0.5)
    np.testing.assert_allclose(
        drawn, (1 - opacity) * grey + opacity * expected, atol=0.51
    )


def test_positions_take_the_colour_of_their_region(frames):
    chosen = np.zeros((3, 10, 12), int)
    chosen[:, 5:] = 2
    drawn = overlay_regions(frames, chosen, num_regions=4, strength=1.0)
    colours = (255 * np.array(region_colours(4))).round()
    assert (drawn[:, :5] == colours[0]).all()
    assert (drawn[:, 5:] == colours[2]).all()


def test_sixteen_regions_have_sixteen_colours():
    assert len({tuple(np.round(c, 3)) for c in region_colours(16)}) == 16


def test_outline_is_the_border_alone(frames):
    masks = np.zeros((3, 10, 12), bool)
    masks[0, 2:7, 3:9] = True
    drawn = outline_masks(frames, masks)
    changed = (drawn != frames).any(axis=-1)
    assert not changed[1:].any()
    assert not changed[0, 3:6, 4:8].any()  # inside
    assert (drawn[0, 2, 3:9] == 255).all()


def test_maps_of_another_number_are_refused(frames):
    with pytest.raises(DataError, match='1 maps for 3 frames'):
        overlay_heat(frames, np.zeros((1, 10, 12), np.float32))


def test_snippet_with_the_most_heat_is_found():
    raw = np.zeros((12, 2, 2), np.float32)
    raw[4:8] = 0.5  # in sum more than the single peak
    raw[0, 0, 0] = 1.0
    assert find_peak_snippet(raw, clip_len=4) == 1
    assert scale_to_peak(raw[4:8]).max() == 1
    assert not scale_to_peak(raw[8:]).any()


def test_spread_takes_both_ends():
    assert spread(3, 8).tolist() == [0, 4, 7]
    assert spread(1, 8).tolist() == [0]


def test_shares_count_the_positions_of_each_filter(frames):
    weights = np.zeros((2, 3, 2, 2), np.float32)
    weights[:, 0] = 0.4
    weights[1, 2, 0] = 0.5
    regions = BasisRegions(weights, np.zeros((2, 5, 3, 3)), 'ratf', (10, 12))
    picture = RegionImage('x', frames[0], regions, 1)
    assert picture.shares().tolist() == [0.5, 0, 0.5]
    assert picture.paint().shape == (10, 12, 3)


def test_files_are_a_picture_and_a_page_and_equal_each_time(tmp_path):
    def make():
        figure = Figure(figsize=(1, 1))
        figure.subplots().plot([0, 1])
        return figure

    first = save_png_and_pdf(make(), tmp_path / 'a', 'fig')
    second = save_png_and_pdf(make(), tmp_path / 'b', 'fig')
    assert [path.name for path in first] == ['fig.png', 'fig.pdf']
    assert first[0].read_bytes().startswith(b'\x89PNG')
    assert first[1].read_bytes().startswith(b'%PDF')
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert len(list((tmp_path / 'a').iterdir())) == 2


def test_rendered_figure_is_an_array():
    picture = render(Figure(figsize=(2, 1)))
    assert picture.shape == (100, 200, 3)
    assert (picture == 255).all()
