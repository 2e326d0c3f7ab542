"""The report of a video: everything in it is escaped, nothing comes from elsewhere."""

import cv2
import numpy as np
import pytest

from mmdeepfake.visualization.html_page import PageTable, render_page
from mmdeepfake.visualization.score_timeline import PLOT_SPAN, FaceLine, draw_timeline

PNG = b'\x89PNG\r\n\x1a\n'
EVIL = '<img src=x onerror="alert(1)">'


def test_all_text_is_escaped():
    page = render_page(
        'video_page.html',
        title=EVIL, verdict=EVIL, colour='#666', sentence=EVIL, notes=[EVIL],
        timeline=PNG,
        faces=[
            dict(name=EVIL, doubts=[EVIL], facts=[(EVIL, EVIL)], images=[(EVIL, PNG)])
        ],
        tables=[PageTable(EVIL, [EVIL], [[EVIL]], [EVIL])],
        facts=[(EVIL, EVIL)],
    )  # fmt: skip
    assert '<img src=x' not in page
    assert page.count('&lt;img src=x') > 10
    assert page.count('<img ') == 2
    assert '<script' not in page


def test_timeline_takes_any_number_of_faces():
    def line(index, num):
        times = np.linspace(0, 9, num)
        return FaceLine(f'face {index}', times, times / 9, [(0, 9, 0.1 * (index % 10))])

    for lines in (
        [],
        [line(0, 0), *(line(i, 30) for i in range(1, 9))],
        [line(0, 9000)],
    ):
        picture = draw_timeline(lines, threshold=0.3, duration_seconds=9)
        assert picture.startswith(PNG)


def test_time_axis_is_where_a_click_looks_for_it():
    line = FaceLine('main face', np.array([]), np.array([]), [(0, 8, 0.4)])
    png = draw_timeline([line], threshold=0.9, duration_seconds=8)
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    is_face = (picture == (0, 0x9E, 0x73)).all(-1)
    rows = is_face.sum(1) > picture.shape[1] / 2  # of the score, not of the legend
    columns = np.flatnonzero(is_face[rows].all(0))
    shares = (columns[[0, -1]] + 0.5) / picture.shape[1]
    assert shares.tolist() == pytest.approx(PLOT_SPAN, abs=0.003)


def test_unjudged_scores_have_no_scale():
    line = FaceLine('main face', np.array([]), np.array([]), [(0, 8, 0.4)])
    judged, unjudged = (
        draw_timeline([line], threshold=threshold, duration_seconds=8)
        for threshold in (0.5, None)
    )
    pictures = [
        cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
        for png in (judged, unjudged)
    ]
    # A place within the plot, between the lines of its grid.
    assert [picture[150, 130].min() == 255 for picture in pictures] == [False, True]
