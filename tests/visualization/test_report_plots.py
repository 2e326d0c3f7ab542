import numpy as np
import pytest
from figure_builders import train, val, write_log
from matplotlib.image import imread

from mmdeepfake.errors import DataError
from mmdeepfake.visualization.report_plots import (
    RocLine,
    ScoreRow,
    find_best,
    plot_scores,
    plot_training_curve,
)


def is_drawn(path):
    """A picture of a sensible size with more than a blank page on it."""
    picture = imread(path)
    return min(picture.shape[:2]) > 300 and len(np.unique(picture)) > 20


@pytest.mark.parametrize(
    'records',
    [
        [train(10)],
        [train(step) for step in range(10, 500, 10)],
        [train(10), val(0.7), train(20, float('nan')), val(float('nan'))],
        [train(10), {**val(0.7), 'deepfake/auc_low': 0.6, 'deepfake/auc_high': 0.8}],
    ],
    ids=['one point, no validation', 'long', 'nan', 'interval'],
)
def test_training_curve_is_drawn(tmp_path, records):
    out = tmp_path / 'new' / 'curve.png'
    plot_training_curve(write_log(tmp_path / 's.json', *records), out)
    assert is_drawn(out)
    assert [path.name for path in out.parent.iterdir()] == ['curve.png']


@pytest.mark.parametrize(
    ('aucs', 'entropies', 'best'),
    [
        ([0.5, 1, 1, 1], [0.1, 0.4, 0.2, 0.3], 2),
        ([0.5, 1, 1, 0.9], [0.1, 0.2, 0.2, 0.1], 2),
        ([0.5, 1, 1, 0.9], [], 2),
    ],
    ids=['cross-entropy', 'the last', 'without cross-entropy'],
)
def test_star_marks_the_validation_that_a_run_keeps(aucs, entropies, best):
    assert find_best(np.array(aucs), np.array(entropies)) == best


def test_log_without_training_is_refused(tmp_path):
    path = write_log(tmp_path / 's.json', val(0.5))
    with pytest.raises(DataError, match=r's\.json: no training iteration'):
        plot_training_curve(path, tmp_path / 'curve.png')


@pytest.mark.parametrize(('num_videos', 'has_curve'), [(1, False), (600, True)])
def test_scores_are_drawn(tmp_path, num_videos, has_curve):
    rng = np.random.default_rng(0)
    rows = [
        ScoreRow('real', False, rng.beta(2, 4, num_videos)),
        ScoreRow('Deepfakes', True, rng.beta(4, 2, num_videos)),
    ]
    curve = RocLine('Deepfakes', 0.5, np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    curves = [curve] if has_curve else []
    plot_scores(rows, curves, tmp_path / 'scores.png', threshold=0.3)
    assert is_drawn(tmp_path / 'scores.png')
