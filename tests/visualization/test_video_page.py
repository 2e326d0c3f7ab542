"""The report of a video: everything in it is escaped, nothing comes from elsewhere."""

from xml.etree import ElementTree

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


def draw(*lines, threshold=0.5, **options):
    """Return the elements of a timeline of 8 seconds."""
    options = dict(threshold=threshold, duration_seconds=8) | options
    return list(ElementTree.fromstring(draw_timeline(lines, **options)).iter())


def line(name='main face', num=0, windows=((0, 8, 0.4),)):
    times = np.linspace(0, 8, num)
    return FaceLine(name, times, times / 8, windows)


def find(elements, **attributes):
    return [e for e in elements if attributes.items() <= e.attrib.items()]


@pytest.mark.parametrize(('num_faces', 'num_named'), [(0, 0), (1, 1), (9, 4)])
def test_first_faces_are_named(num_faces, num_named):
    elements = draw(*(line(f'face {i}', 30) for i in range(num_faces)))
    texts = [e.text for e in elements if e.text and e.text.startswith('face ')]
    assert texts == [f'face {i}' for i in range(num_named)]
    assert len(find(elements, **{'fill-opacity': '.55'})) == num_faces


def test_many_dots_are_left_out():
    assert find(draw(line(num=9000)), **{'fill-opacity': '.55'}) == []


def test_time_axis_is_where_a_click_looks_for_it():
    elements = draw(line())
    width = float(elements[0].get('viewBox').split()[2])
    bar = find(elements, **{'stroke-width': '4'})[0].get('d')
    start, end = bar.removeprefix('M').split('H')
    shares = [float(start.split()[0]) / width, float(end) / width]
    assert shares == pytest.approx(PLOT_SPAN, abs=1e-3)


@pytest.mark.parametrize(
    ('seconds', 'expected'),
    [(8, '0 1 2 3 4 5 6 7 8'), (8.1, '0 2 4 6 8'), (0.2, '0 0.05 0.1 0.15 0.2')],
)
def test_ticks_are_round_numbers(seconds, expected):
    texts = [e.text for e in draw(duration_seconds=seconds, threshold=None) if e.text]
    texts = [text for text in texts if text.strip()]
    assert ' '.join(texts[: texts.index('0.0')]) == expected


def test_higher_scores_are_higher_up():
    one = line(windows=[(0, 4, 0.2), (4, 8, 0.9)])
    bars = find(draw(one), **{'stroke-width': '4'})[0].get('d').split('M')[1:]
    low, high = (float(bar.split()[1].split('H')[0]) for bar in bars)
    (level,) = find(draw(one, threshold=0.55), **{'stroke-dasharray': '5 3'})
    assert (low + high) / 2 == pytest.approx(float(level.get('y1')), abs=0.2)
    assert low > high


def test_unjudged_scores_have_no_scale():
    bands = {'fill-opacity': '.09'}
    assert len(find(draw(line(), lower_threshold=0.2), **bands)) == 3
    assert find(draw(line(), threshold=None), **bands) == []


def test_name_of_a_line_is_escaped():
    texts = [element.text for element in draw(line(EVIL))]
    assert EVIL in texts
