"""evaluate.py --scores, and the tools that read what it writes."""

import csv
import json

import numpy as np
import pytest
from tool_runs import ROOT, run_tool_here

from mmdeepfake.commands.finished_runs import read_scored_run
from mmdeepfake.structures import VideoKey, VideoRecord
from mmdeepfake.structures.manifest import ManifestWriter

METHODS = ('real', 'FaceSwap', 'Deepfakes')


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """A manifest of 30 test videos; run a tool beside it and return its output."""
    monkeypatch.chdir(tmp_path)
    with ManifestWriter('manifest.jsonl') as manifest:
        for method in METHODS:
            for i in range(10):
                key = VideoKey('set', int(method != 'real'), method, 'c40', f'{i:03d}')
                source = f'{method}/{i:03d}.mp4'
                manifest.append(VideoRecord(key, 'a.tar', 'test', source=source))
    # Of the other splits: a line that fits no video of the test.
    with ManifestWriter('manifest.jsonl') as manifest:
        key = VideoKey('set', 0, 'real', 'c40', 'train')
        manifest.append(VideoRecord(key, 'a.tar', 'train', source='real/train.mp4'))

    def run(tool, *words, code=0):
        assert run_tool_here(ROOT / 'tools' / tool, *words) == code
        return capsys.readouterr()

    return run


def write_scores(name, *, sign=1, skip=(), noise=0.5, seed=0):
    """Log-odds of all videos, higher for fakes (or for reals), by path."""
    rng = np.random.default_rng(seed)
    rows = [
        (f'/x/{method}/{i:03d}.mp4', sign * ((method != 'real') + noise * rng.normal()))
        for method in METHODS
        for i in range(10)
    ]
    with open(name, 'w', newline='') as file:
        csv.writer(file).writerows(
            [('file', 'logit'), *(row for row in rows if row[0] not in skip)]
        )


WORDS = [
    *('--manifest', 'manifest.jsonl', '--columns', 'path=file', 'score=logit'),
    *('--kind', 'score', '--num-resamples', '100'),
]


def read_auc(folder, name):
    metrics = json.loads((folder / f'evaluation/{name}/metrics.json').read_text())
    return metrics['all']['auc'], metrics['all']['intervals']['auc']


def test_scores_get_figures_and_every_tool_reads_them(run, tmp_path):
    for name, seed in (('clean', 0), ('blur-3', 1)):
        write_scores(f'{name}.csv', noise=0.5 + seed, seed=seed)
    words = ['--scores', 'clean.csv', 'blur-3.csv', *WORDS, '--work-dir', 'them']
    done = run('evaluate.py', *words)
    assert '| clean | FaceSwap |' in done.out
    assert '**Warning:** What this model was trained on is unknown' in done.out
    with open('clean.csv') as file:
        rows = [(row['file'], float(row['logit'])) for row in csv.DictReader(file)]
    reals = [score for path, score in rows if '/real/' in path]
    fakes = [score for path, score in rows if '/real/' not in path]
    expected = np.mean([fake > real for fake in fakes for real in reals])
    auc, (low, high) = read_auc(tmp_path / 'them', 'clean')
    assert auc == pytest.approx(expected) and low < auc < high
    # As one of our own: figures follow from the predictions.
    read_scored_run(tmp_path / 'them/evaluation/clean', tmp_path / 'them')
    files = [f'them/evaluation/{name}/predictions.csv' for name in ('clean', 'blur-3')]
    assert 'p DeLong' in run('compare.py', *files, '--num-resamples', '100').out
    run('report.py', 'them/evaluation/clean')
    run('robustness.py', 'join', 'them/robustness/robustness.csv', '--out', 'joined')
    table = (tmp_path / 'joined/robustness.csv').read_text().splitlines()
    assert [line.split(',')[:3] for line in table[1:]] == [
        ['them', 'clean', '0'],
        ['them', 'blur', '3'],
    ]
    done = run('paper_tables.py', 'them', '--out', 'tables')
    assert 'not in a table: them/evaluation/clean: scores from elsewhere' in done.out


def test_scores_of_reals_are_turned_round(run, tmp_path):
    write_scores('fakes.csv')
    write_scores('reals.csv', sign=-1)
    run('evaluate.py', '--scores', 'fakes.csv', *WORDS)
    run('evaluate.py', '--scores', 'reals.csv', *WORDS, '--higher', 'real')
    written = [
        (tmp_path / f'work_dirs/{name}/evaluation/{name}/predictions.csv').read_text()
        for name in ('fakes', 'reals')
    ]
    assert written[0] == written[1]


def test_missing_videos_are_refused_unless_the_coverage_allows_them(run, tmp_path):
    write_scores('s.csv', skip={'/x/real/003.mp4', '/x/FaceSwap/001.mp4'})
    words = ['--scores', 's.csv', *WORDS]
    done = run('evaluate.py', *words, code=2)
    assert '28 of 30 videos (93.3%)' in done.err and 'set/real/real/c40/003' in done.err
    assert not (tmp_path / 'work_dirs').exists()
    run('evaluate.py', *words, '--min-coverage', '0.94', code=2)
    words += ['--min-coverage', '0.9']
    done = run('evaluate.py', *words)
    assert 'Coverage: 93.3%. Of 30 videos the model could not use 2' in done.out
    place = tmp_path / 'work_dirs/s/evaluation/s/metrics.json'
    assert json.loads(place.read_text())['num_videos'] == 28
    done = run('evaluate.py', *words, '--missing', 'undecided')
    assert '0.5 for 2 videos without a score' in done.out
    metrics = json.loads(place.read_text())
    assert (metrics['num_videos'], metrics['coverage']) == (30, 1)


def test_lines_of_other_videos_are_counted(run):
    write_scores('s.csv')
    with open('s.csv', 'a') as file:
        file.write('/x/real/train.mp4,0\n')
    done = run('evaluate.py', '--scores', 's.csv', *WORDS)
    assert "fit no video of the split 'test': 1 line, /x/real/" in done.out
    assert '/x/real/train.mp4' in done.out


@pytest.mark.parametrize(
    ('words', 'problem'),
    [
        ([], 'needed are CONFIG and CHECKPOINT, or --scores and --manifest'),
        (['--scores', 's.csv'], '--scores needs --manifest'),
        (['c.py', 'w.pth', '--scores', 's.csv'], '--scores with config, checkpoint'),
        (['--scores', 's.csv', 'x/s.csv', *WORDS], 'files of one name, s, s'),
        (['--scores', 's.csv', *WORDS, '--min-coverage', '90'], 'allowed is 0 to 1'),
        (
            ['--scores', 's.csv', *WORDS, '--split', 'val'],
            "no video of the split 'val'",
        ),
        (['--scores', 's.csv', '--manifest', 'm.jsonl'], 'no manifest'),
        (['--scores', 'none.csv', *WORDS], 'no file of scores'),
    ],
)
def test_wrong_arguments_end_in_one_line(run, words, problem):
    write_scores('s.csv')
    done = run('evaluate.py', *words, code=2)
    assert problem in done.err
    assert done.err.count('error: ') == 1 and 'Traceback' not in done.err
