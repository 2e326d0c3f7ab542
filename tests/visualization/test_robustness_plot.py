import cv2
import numpy as np
import pytest

from mmdeepfake.visualization.robustness_plot import (
    RobustnessCurve,
    plot_levels,
    plot_robustness,
)

NAN = float('nan')


def make_curve(model, corruption, aucs):
    return RobustnessCurve(model, corruption, range(len(aucs)), aucs, aucs, aucs)


@pytest.mark.parametrize('num_corruptions', [1, 6])
def test_each_corruption_has_a_panel_and_each_model_a_line(tmp_path, num_corruptions):
    curves = [
        make_curve(model, f'kind_{k}', [0.9, 0.8, level, NAN])
        for k in range(num_corruptions)
        for model, level in (('a', 0.7), ('b', 0.5))
    ]
    plot_robustness(curves, tmp_path / 'new' / 'plot.png')
    picture = cv2.imread(str(tmp_path / 'new' / 'plot.png'))
    assert picture.std() > 5
    # Both models' colours are there.
    for red, green, blue in ((0xD5, 0x5E, 0x00), (0x00, 0x9E, 0x73)):
        distance = np.abs(picture.astype(int) - (blue, green, red)).sum(axis=2)
        assert (distance < 30).sum() > 50


def test_contact_sheet_shows_every_frame(tmp_path):
    original = np.full((40, 60, 3), 200, np.uint8)
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0)]
    frames = [np.full((40, 60, 3), colour, np.uint8) for colour in colours]
    rows = [('first: level 1, 2', frames[:2]), ('second', frames[2:])]
    plot_levels(original, rows, tmp_path / 'sheet.png')
    picture = cv2.imread(str(tmp_path / 'sheet.png'))[:, :, ::-1]
    for colour in (*colours, (200, 200, 200)):
        assert (picture == colour).all(axis=2).sum() > 1000
