import numpy as np
import pytest

from mmdeepfake.visualization import score_page
from mmdeepfake.visualization.reliability_plot import Reliability
from mmdeepfake.visualization.report_plots import RocLine, ScoreRow
from mmdeepfake.visualization.score_page import (
    PageCommands,
    PageRun,
    PageTable,
    draw_run,
    format_page,
)

PNG = b'\x89PNG\r\n\x1a\n'


def make_run(name='a run', other='real'):
    scores = np.array([0.1, 0.6, 0.8])
    ends = np.array([0.0, 1.0])
    return PageRun(
        name,
        [('seed', '0'), (name, name)],
        [ScoreRow(name, True, scores), ScoreRow(other, False, 1 - scores)],
        [RocLine(name, 0.75, ends, ends)],
        Reliability([0.1, 0.7], [0.0, 1.0], [1, 2], 0.1, 0.2),
        0.5,
    )


def make_page(text='x', **parts):
    given = dict(notes=[], tables=[], commands=[], runs=[])
    return format_page(text, **given | parts)


def test_parts_come_in_their_order():
    page = make_page(
        'All',
        notes=['first'],
        tables=[PageTable('second', ['h'], [['third']], ['fourth'])],
        commands=[PageCommands('fifth', ['sixth', 'seventh'])],
    )
    places = [
        page.index(f'>{word}<') for word in ('first', 'second', 'third', 'fourth')
    ]
    places += [page.index('fifth'), page.index('sixth\nseventh')]
    assert places == sorted(places)


def test_browser_is_told_to_load_nothing():
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert f'content="{policy}"' in make_page()


@pytest.mark.parametrize(
    'parts',
    [
        {'notes': ['<b>"']},
        {'tables': [PageTable('<b>"', ['<b>"'], [['<b>"']], ['<b>"'])]},
        {'commands': [PageCommands('<b>"', ['<b>"'])]},
        {'runs': [make_run('<b>"')]},
    ],
)
def test_every_text_is_escaped(monkeypatch, parts):
    monkeypatch.setattr(score_page, 'draw_run', lambda run: [(run.name, PNG)])
    page = make_page('<b>"', **parts)
    assert '<b>' not in page
    assert '&lt;b&gt;&#34;' in page


def test_names_that_look_like_mathematics_are_drawn():
    images = draw_run(make_run('$\\frac{', '$$ ä'))
    assert [png[:8] for _, png in images] == [PNG, PNG]


def test_page_without_runs_has_no_such_heading():
    assert '<h2>' not in make_page()
