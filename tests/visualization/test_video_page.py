"""The report of a video: everything in it is escaped, nothing comes from elsewhere."""

import numpy as np

from mmdeepfake.visualization.html_page import PageTable, render_page
from mmdeepfake.visualization.score_timeline import FaceLine, draw_timeline

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
