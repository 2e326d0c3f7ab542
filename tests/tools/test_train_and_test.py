"""Whole runs of tools/train.py and tools/test.py, a few seconds each."""

import json
import pathlib
import runpy
import sys

import mmaction
import pytest
import torch
from tool_runs import CONFIG, ROOT, run_tool_here

TRAIN, TEST = ROOT / 'tools/train.py', ROOT / 'tools/test.py'
UPSTREAM = pathlib.Path(mmaction.__file__).parent / '.mim/tools'


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A folder with a run of two epochs in `run/`."""
    folder = tmp_path_factory.mktemp('trained')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run_tool_here(TRAIN, CONFIG, '--work-dir', 'run', '--seed', '5') == 0
    return folder


def first_log(folder):
    return min((folder / 'run').glob('*/*.log')).read_text()


def read_json(path):
    return json.loads(path.read_text())


def test_training_keeps_the_best_checkpoint_and_the_record(trained):
    assert list((trained / 'run').glob('best_deepfake_auc_epoch_*.pth'))
    record = read_json(trained / 'run/run.json')['train']
    assert record['seed'] == 5
    assert record['videos'] == {
        'train': {'real': 4, 'fake/Stub': 4},
        'val': {'real': 3, 'fake/Stub': 2},
    }
    assert pathlib.Path(record['config']).is_file()
    assert 'initial_weights = random' in first_log(trained)


@pytest.fixture
def run_here(trained, monkeypatch, capfd):
    """Run a tool in this process, in the folder of the trained run."""
    monkeypatch.chdir(trained)
    yield lambda *words: (run_tool_here(*words), ''.join(capfd.readouterr()))
    torch.use_deterministic_algorithms(False)


def test_test_writes_figures_and_predictions(trained, run_here):
    code, printed = run_here(TEST, CONFIG, 'run/epoch_2.pth', '--work-dir', 'out')
    assert code == 0
    assert 'INFO' not in printed and '95% CI' in printed
    assert len(printed.splitlines()) < 20
    (log,) = (trained / 'out').glob('*/*.log')
    assert 'Epoch(test)' in log.read_text() and '95% CI' in log.read_text()
    assert read_json(trained / 'out/metrics.json')['level'] == 'video'
    rows = (trained / 'out/predictions.csv').read_text().splitlines()
    assert len(rows) == 1 + 7
    record = read_json(trained / 'out/run.json')['test']
    assert record['initial_weights'] == 'loaded from run/epoch_2.pth'


def test_run_is_resumed_from_its_own_folder(run_here):
    words = ['--work-dir', 'run', '--resume', '--cfg-options', 'train_cfg.max_epochs=3']
    code, printed = run_here(TRAIN, CONFIG, *words)
    assert code == 0
    assert 'resumed epoch: 2, iter: 8' in printed
    assert 'Epoch(train) [3][4/4]' in printed
    assert 'Epoch(train) [2]' not in printed


def test_remaining_flags_work_on_this_machine(trained, run_here):
    flags = ['--amp', '--no-validate', '--auto-scale-lr', '--deterministic']
    flags += ['--compile', 'eager']
    words = ['--diff-rank-seed', '--cfg-options', 'train_cfg.max_epochs=1']
    code, printed = run_here(TRAIN, CONFIG, '--work-dir', 'amp', *flags, *words)
    assert code == 0
    assert 'Epoch(train) [1][4/4]  lr: 5.0000e-03' in printed  # batch 2 of 4
    assert 'deepfake/auc: ' not in printed
    kind = 'AmpOptimWrapper' if torch.cuda.is_available() else 'CPUAmpOptimWrapper'
    assert f"type='{kind}'" in (trained / 'amp/stub_config.py').read_text()


def test_upstream_tools_run_our_config_unchanged(tmp_path, monkeypatch):
    """In this process; tests/faults/test_broken_samples.py starts one for it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('LOCAL_RANK', '0')
    monkeypatch.setattr(sys, 'argv', ['train.py', str(CONFIG), '--work-dir', 'run'])
    runpy.run_path(str(UPSTREAM / 'train.py'), run_name='__main__')
    assert (tmp_path / 'run/epoch_2.pth').is_file()
    assert read_json(tmp_path / 'run/run.json')['train']['seed'] == 0


# Bad input: one message and code 2, whatever stage found it.


@pytest.fixture
def fails(monkeypatch, tmp_path, capsys):
    """Run a tool in this process; return its only message."""
    monkeypatch.chdir(tmp_path)

    def run(tool, *words):
        assert run_tool_here(tool, *words) == 2
        lines = capsys.readouterr().err
        assert lines.count('error: ') == 1
        assert 'Traceback' not in lines
        return lines[lines.index('error: ') :]

    return run


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        ([TRAIN, 'none.py'], 'no such config file: none.py\n'),
        (
            [TRAIN, CONFIG, '--cfg-options', 'data_root=/none'],
            'no folder /none: set data_root\n',
        ),
        (
            [TRAIN, CONFIG, '--cfg-options', 'model.backbone.clip_len=8'],
            'model and sampler differ in frames per snippet',
        ),
        ([TEST, CONFIG, 'none.pth'], 'no such checkpoint file: none.pth\n'),
        ([TEST, CONFIG, 'none.pth', '--dump', 'x.json'], '--dump x.json'),
    ],
)
def test_bad_input_ends_in_one_message(fails, words, message):
    assert message in fails(*words)


@pytest.mark.parametrize('workers', [0, 1])
def test_broken_video_ends_in_one_message(fails, workers):
    options = [f'train_dataloader.num_workers={workers}']
    message = fails(
        TRAIN, CONFIG, '--cfg-options', 'train_dataloader.dataset.broken=3', *options
    )
    assert message == 'error: video 3 is broken:\ncannot decode it\n'


def test_checkpoint_of_another_architecture_ends_in_one_message(fails, trained):
    options = ['model.backbone.width=8', 'model.cls_head.in_channels=8']
    path = trained / 'run/epoch_2.pth'
    message = fails(TEST, CONFIG, path, '--cfg-options', *options)
    assert '7 wrong shapes (backbone.conv.weight (4, 3, 3, 3) instead of (8,' in message
