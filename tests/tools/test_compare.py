import csv

import numpy as np
import pytest
from tool_runs import ROOT, run_tool_here

from mmdeepfake.evaluation.predictions import VideoPrediction, write_predictions
from mmdeepfake.structures import VideoKey

TOOL = ROOT / 'tools/compare.py'


def write_files(folder, methods, lifts):
    """Write a prediction file for each lift of the fakes' scores."""
    rng = np.random.default_rng(0)
    paths = []
    for name, lift in lifts.items():
        predictions = [
            VideoPrediction(
                VideoKey('set', int(method != 'real'), method, 'c40', f'{i}'),
                float(np.clip(0.5 * rng.random() + lift * (method != 'real'), 0, 1)),
            )
            for method in ('real', *methods)
            for i in range(30)
        ]
        paths.append(folder / name / 'predictions.csv')
        write_predictions(paths[-1], predictions)
    return paths


@pytest.fixture
def files(tmp_path):
    return write_files(tmp_path, ['FaceSwap'], {'a': 0.1, 'b': 0.4})


def test_table_is_printed_and_written(files, tmp_path, capsys):
    out = tmp_path / 'table.csv'
    assert run_tool_here(TOOL, *files, '--num-resamples', 200, '--out', out) == 0
    printed = capsys.readouterr().out
    assert 'FaceSwap' in printed
    assert 'p-values are not corrected' in printed
    with open(out, newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['name'] for row in rows] == ['FaceSwap', 'all']
    assert float(rows[0]['auc_b']) > float(rows[0]['auc_a'])


def test_wrong_files_end_in_one_line(files, tmp_path, capsys):
    assert run_tool_here(TOOL, files[0], tmp_path / 'none.csv') == 2
    message = capsys.readouterr().err
    assert 'no prediction file' in message
    assert 'Traceback' not in message


def test_several_models_are_corrected_and_ranked(tmp_path, capsys):
    lifts = {'weak': 0.05, 'strong': 0.4, 'middle': 0.2}
    files = write_files(tmp_path, ['FaceSwap', 'Deepfakes'], lifts)
    table, plot = tmp_path / 'pairs.csv', tmp_path / 'cd.png'
    words = ['--num-resamples', 100, '--out', table, '--plot', plot]
    assert run_tool_here(TOOL, *files, *words) == 0
    printed = capsys.readouterr().out
    assert 'strong 1.00, middle 2.00, weak 3.00' in printed
    # q of three models is 2.343: 2.343 sqrt(3 x 4 / (6 x 2)).
    assert 'differ from 2.34 on' in printed
    with open(table, newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['name'] for row in rows] == [
        'weak vs strong',
        'weak vs middle',
        'strong vs middle',
    ]
    p_values = sorted((float(r['p_delong']), float(r['p_delong_holm'])) for r in rows)
    assert p_values[0][1] == pytest.approx(3 * p_values[0][0])
    assert plot.stat().st_size > 5000


@pytest.mark.parametrize(
    ('num_files', 'words', 'problem'),
    [
        (1, [], 'needed are 2 or more'),
        (2, ['--plot', 'x.png'], 'needed are 3 or more for --plot'),
        (2, ['--thresholds', 0.1], '--thresholds: 1 values for 2 files'),
        (3, ['--names', 'a', 'b', 'a'], 'models of one name: a, b, a'),
        (3, ['--plot', 'x.png'], '1 manipulations with both classes'),
    ],
)
def test_wrong_numbers_are_refused(tmp_path, capsys, num_files, words, problem):
    lifts = dict.fromkeys('abc'[:num_files], 0.1)
    files = write_files(tmp_path, ['FaceSwap'], lifts)
    assert run_tool_here(TOOL, *files, *words, '--num-resamples', 10) == 2
    assert problem in capsys.readouterr().err
