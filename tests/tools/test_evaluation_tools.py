"""evaluate.py, robustness.py and calibrate.py on a tiny FaceForensics++."""

import csv
import hashlib
import json

import pytest
import torch
from builders import make_ffpp_tree
from mmengine.registry import DefaultScope
from recognizer_checks import TWO_STAGES
from tool_runs import ROOT, run_tool_here

from mmdeepfake.engine.build import load_config
from mmdeepfake.registry import MODELS

CONFIG = ROOT / 'configs/miniff/resnet_r18_miniff.py'
MODEL = {f'model.backbone.{name}': value for name, value in TWO_STAGES.items()}
MODEL['model.cls_head.in_channels'] = 128
SMALL = [
    'data_root=ffpp',
    *(f'{name}={value}' for name, value in MODEL.items()),
    *(
        f'{name}_dataloader.{option}'
        for name in ('val', 'test')
        for option in (
            'num_workers=0',
            'dataset.pipeline.1.num_snippets=1',
            'dataset.pipeline.4.scale=(32, 32)',
        )
    ),
]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A folder with a data set and random weights."""
    folder = tmp_path_factory.mktemp('evaluation')
    make_ffpp_tree(folder / 'ffpp')
    make_ffpp_tree(folder / 'other')
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(load_config(CONFIG, MODEL).model)
    (folder / 'run').mkdir()
    torch.save({'state_dict': model.state_dict()}, folder / 'run/random.pth')
    return folder


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Run a tool in this process, check its exit code and return its output."""
    monkeypatch.chdir(folder)

    def run(tool, *words, code=0):
        words = (*words, '--work-dir', 'out', '--cfg-options', *SMALL)
        assert run_tool_here(ROOT / 'tools' / tool, *words) == code
        return capsys.readouterr()

    return run


def test_evaluation_makes_one_table_of_several_sets(folder, run):
    words = ['--on', 'miniff', 'ffpp_lq_uncropped', '--num-resamples', 50]
    words += ['--data-root', 'miniff=ffpp', 'ffpp_lq_uncropped=other']
    done = run('evaluate.py', CONFIG, 'run/random.pth', *words)
    assert '| miniff | FaceSwap |' in done.out
    with open(folder / 'out/evaluation/table.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert {row['set'] for row in rows} == {'miniff', 'ffpp_lq_uncropped'}
    auc = next(
        row for row in rows if row['manipulation'] == 'all' and row['figure'] == 'auc'
    )
    assert (auc['real'], auc['fake']) == ('2', '8')
    assert 0 <= float(auc['low']) <= float(auc['value']) <= float(auc['high']) <= 1
    for name in ('miniff', 'ffpp_lq_uncropped'):
        folder_of_set = folder / 'out/evaluation' / name
        assert len((folder_of_set / 'predictions.csv').read_text().splitlines()) == 11


def test_a_model_trained_on_the_test_is_not_tested_unless_asked_to(folder, run):
    seen = {'videos': [['MiniFF', 'FaceSwap', '004_005']], 'persons': ['MiniFF/004']}
    listed = folder / 'run/training_videos.json'
    listed.write_text(json.dumps(seen))
    try:
        done = run('evaluate.py', CONFIG, 'run/random.pth', code=2)
        assert 'seen in training, such as MiniFF/FaceSwap/004_005' in done.err
        assert 'pass --allow-leak' in done.err
        done = run('evaluate.py', CONFIG, 'run/random.pth', '--allow-leak')
        assert '**Warning:** 1 of 10 videos of the test were seen' in done.out
    finally:
        listed.unlink()


def test_wrong_words_end_in_one_line(run):
    words = ['--on', 'ffpq']
    done = run('evaluate.py', CONFIG, 'run/random.pth', *words, code=2)
    assert "test set 'ffpq' is unknown; did you mean 'ffpp_" in done.err
    assert 'Traceback' not in done.err


def test_operating_point_of_the_validation_videos_is_used_at_test(folder, run):
    words = ['--temperature', '--max-fpr', '0.5', '--out', 'point.json']
    done = run('calibrate.py', CONFIG, 'run/random.pth', *words)
    assert 'On 2 real and 8 fake validation videos' in done.out
    point = json.loads((folder / 'point.json').read_text())
    assert point['chosen_on'].endswith('ffpp, val')
    assert 0 <= point['lower_threshold'] <= point['threshold']
    weights = (folder / 'run/random.pth').read_bytes()
    assert point['checkpoint_sha256'] == hashlib.sha256(weights).hexdigest()
    words = ['--operating-point', 'point.json']
    run('evaluate.py', CONFIG, 'run/random.pth', *words)
    metrics = json.loads((folder / 'out/evaluation/own/metrics.json').read_text())
    assert metrics['threshold'] == point['threshold']
    assert 'calibrated by temperature' in metrics['score_rule']


def test_robustness_writes_table_and_plot(folder, run):
    words = ['--corruptions', 'blur', 'frame_rate', '--levels', 3]
    words += ['--num-resamples', 50]
    done = run('robustness.py', 'run', CONFIG, 'run/random.pth', *words)
    assert '| resnet_r18_miniff | frame_rate | share of the rate: 0.5 |' in done.out
    header = (folder / 'out/robustness/robustness.md').read_text().splitlines()[0]
    assert header.count('AUC %') == 6  # as clean and in five levels
    lines = (folder / 'out/robustness/robustness.csv').read_text().splitlines()
    assert [line.split(',')[1:3] for line in lines[1:]] == [
        ['clean', '0'],
        ['blur', '3'],
        ['frame_rate', '3'],
    ]
    assert (folder / 'out/robustness/robustness.png').stat().st_size > 5000
    words = [folder / 'out/robustness/robustness.csv', '--out', folder / 'joined']
    assert run_tool_here(ROOT / 'tools/robustness.py', 'join', *words) == 0
    assert (folder / 'joined/robustness.png').is_file()
