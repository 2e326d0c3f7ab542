import csv

import numpy as np
import pytest
from tool_runs import ROOT, run_tool_here

from mmdeepfake.evaluation.predictions import VideoPrediction, write_predictions
from mmdeepfake.structures import VideoKey

TOOL = ROOT / 'tools/compare.py'


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    paths = []
    for name, lift in (('a', 0.1), ('b', 0.4)):
        predictions = [
            VideoPrediction(
                VideoKey('set', label, 'FaceSwap' if label else 'real', 'c40', f'{i}'),
                float(np.clip(0.5 * rng.random() + lift * label, 0, 1)),
            )
            for label in (0, 1)
            for i in range(30)
        ]
        write_predictions(tmp_path / f'{name}.csv', predictions)
        paths.append(tmp_path / f'{name}.csv')
    return paths


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
