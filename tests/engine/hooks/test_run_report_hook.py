import hashlib
import json
import logging
import math
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from mmdeepfake.engine import RunReportHook
from mmdeepfake.engine.hooks import run_report_hook as module
from mmdeepfake.engine.hooks.run_report_hook import (
    count_videos,
    describe_code,
    describe_initial_weights,
    write_entry,
)
from mmdeepfake.evaluation.leakage import SeenVideos
from mmdeepfake.structures.training_data import KnownFigure, TrainingData
from mmdeepfake.version import __version__


class Videos:
    def __init__(self, *infos):
        self.infos = infos

    def __len__(self):
        return len(self.infos)

    def get_data_info(self, index):
        return self.infos[index]


REAL = dict(label=0, method='real', video_key=('set', 0, 'real', 'c40', 'a'))
SWAP = dict(label=1, method='FaceSwap', video_key=('set', 1, 'FaceSwap', 'c40', 'b'))
FAKE = dict(label=1, method='Deepfakes', video_key=('set', 1, 'Deepfakes', 'c40', 'c'))


def test_videos_are_counted_per_class_and_method():
    counts = count_videos(
        Videos(
            REAL, SWAP, FAKE, dict(SWAP, video_key=('set', 1, 'FaceSwap', 'c40', 'd'))
        )
    )
    assert counts == {'real': 1, 'fake/FaceSwap': 2, 'fake/Deepfakes': 1}


def test_repeated_video_counts_once():
    assert count_videos(Videos(REAL, REAL, SWAP)) == {'real': 1, 'fake/FaceSwap': 1}


def test_checkpoint_has_the_figure_of_its_own_validation(tmp_path):
    hook = RunReportHook()
    loader = SimpleNamespace(dataset=Videos(REAL, SWAP))
    runner = make_runner(tmp_path, val_dataloader=loader)
    hook.before_train(runner)

    def saved():
        checkpoint = {'meta': {}}
        hook.before_save_checkpoint(runner, checkpoint)
        return TrainingData.read(checkpoint['meta']['training_data']).figure

    assert saved() is None
    metrics = {'all/auc': 1.0, 'deepfake/auc': 0.75, 'deepfake/num_videos': 12.0}
    ends = {'deepfake/auc_low': 0.5, 'deepfake/auc_high': 0.875}
    hook.after_val_epoch(runner, metrics | ends)
    sets = (REAL['video_key'][0],)
    assert saved() == KnownFigure('validation', 0.75, 0.5, 0.875, 12, sets)
    assert str(saved()).startswith('AUC 75.0% [50.0, 87.5] on 12 validation videos')
    hook.after_val_epoch(runner, metrics | dict.fromkeys(ends, math.nan))
    assert (saved().low, saved().high) == (None, None)
    hook.before_train_iter(runner, 0)  # the weights change
    assert saved() is None
    hook.after_val_epoch(runner, {'acc/top1': 0.5})
    assert saved() is None


def test_wrapped_datasets_are_counted_as_one():
    repeated = SimpleNamespace(dataset=Videos(REAL))
    both = SimpleNamespace(datasets=[repeated, Videos(REAL, SWAP)])
    assert count_videos(both) == {'real': 1, 'fake/FaceSwap': 1}


def test_videos_without_key_or_method_are_counted_by_label():
    assert count_videos(Videos(dict(label=0), dict(label=0))) == {'real': 2}


@pytest.mark.parametrize(
    ('backbone', 'expected'),
    [
        (dict(type='ResNet'), 'random (nothing pretrained'),
        (dict(pretrained=None), 'random (nothing pretrained'),
        (dict(pretrained='r.pth'), 'model.backbone.pretrained = r.pth'),
        (
            dict(init_cfg=dict(type='Pretrained', checkpoint='c.pth')),
            'model.backbone.init_cfg = c.pth',
        ),
    ],
)
def test_initial_weights_are_named(backbone, expected):
    cfg = dict(model=dict(backbone=backbone))
    assert describe_initial_weights(cfg).startswith(expected)


def make_runner(tmp_path, **changes):
    (tmp_path / 'x.py').write_text('x = 1')  # as the Runner does
    loader = SimpleNamespace(dataset=Videos(REAL, SWAP))
    runner = SimpleNamespace(
        cfg=SimpleNamespace(filename='configs/x.py', get=lambda key: None),
        work_dir=str(tmp_path),
        timestamp='now',
        seed=3,
        world_size=1,
        logger=logging.getLogger('report'),
        train_dataloader=loader,
        test_dataloader=loader,
        _load_from=None,
        _resume=False,
        _train_loop=None,
        _val_loop=None,
    )
    vars(runner).update(changes)
    return runner


def test_start_of_a_run_is_logged_and_written_down(tmp_path, caplog):
    hook = RunReportHook()
    with caplog.at_level('INFO', 'report'):
        hook.before_train(make_runner(tmp_path))
    entry = json.loads((tmp_path / 'run.json').read_text())['train']
    assert entry['seed'] == 3
    assert entry['config'] == str(tmp_path / 'x.py')
    sha256 = hashlib.sha256((tmp_path / 'x.py').read_bytes()).hexdigest()
    assert entry['config_sha256'] == sha256
    assert entry['initial_weights'].startswith('random')
    assert entry['videos'] == {'train': {'real': 1, 'fake/FaceSwap': 1}}
    assert "train: videos = {'train': {'real': 1, 'fake/FaceSwap': 1}}" in caplog.text


def test_test_adds_to_the_record_of_its_training(tmp_path):
    RunReportHook().before_train(make_runner(tmp_path))
    hook, runner = RunReportHook(), make_runner(tmp_path, _load_from='best.pth')
    hook.after_load_checkpoint(runner, {})
    hook.before_test(runner)
    entries = json.loads((tmp_path / 'run.json').read_text())
    assert set(entries) == {'train', 'test'}
    assert entries['test']['initial_weights'] == 'loaded from best.pth'


def test_resumed_run_names_the_latest_checkpoint(tmp_path):
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_2.pth'))
    hook, runner = RunReportHook(), make_runner(tmp_path, _resume=True)
    hook.after_load_checkpoint(runner, {})
    hook.before_train(runner)
    entry = json.loads((tmp_path / 'run.json').read_text())['train']
    assert entry['initial_weights'] == f'resumed from {tmp_path / "epoch_2.pth"}'


def test_broken_record_is_written_anew(tmp_path):
    path = tmp_path / 'run.json'
    path.write_text('{"train":')
    write_entry(path, 'test', {'seed': 1})
    assert json.loads(path.read_text()) == {'test': {'seed': 1}}
    assert [p.name for p in tmp_path.iterdir()] == ['run.json']


def make_checkout(folder):
    def git(*words):
        who = ['-c', 'user.name=x', '-c', 'user.email=x@x']
        subprocess.run(
            ['git', '-C', str(folder), *who, *words], check=True, capture_output=True
        )

    git('init')
    (folder / 'hook.py').write_text('')
    git('add', '.')
    git('commit', '-m', 'x')
    return git


def test_commit_of_a_checkout_is_named(tmp_path, monkeypatch):
    make_checkout(tmp_path)
    monkeypatch.setattr(module, '__file__', str(tmp_path / 'hook.py'))
    assert f'mmdeepfake {__version__}, commit ' in describe_code()
    (tmp_path / 'hook.py').write_text('changed')
    assert describe_code().endswith('with uncommitted changes')


def test_copy_inside_another_checkout_takes_no_commit_from_it(tmp_path, monkeypatch):
    make_checkout(tmp_path)
    inside = tmp_path / '.venv'
    inside.mkdir()
    (inside / 'hook.py').write_text('')
    monkeypatch.setattr(module, '__file__', str(inside / 'hook.py'))
    assert describe_code() == f'mmdeepfake {__version__}'


def test_machine_without_git_is_no_error(monkeypatch):
    monkeypatch.setenv('PATH', str(Path('/nowhere')))
    assert describe_code() == f'mmdeepfake {__version__}'


def test_training_lists_its_videos_beside_the_checkpoints(tmp_path):
    RunReportHook().before_train(make_runner(tmp_path))
    seen = SeenVideos.read(tmp_path / 'training_videos.json')
    assert seen.videos == {('set', 'real', 'a'), ('set', 'FaceSwap', 'b')}


def stating(footage, **facts):
    dataset = Videos(dict(REAL, identities=('1', '2')), SWAP)
    vars(dataset).update(footage=footage, **facts)
    return dataset


@pytest.mark.parametrize(
    ('datasets', 'kind'),
    [
        ([stating('real video')], 'real video'),
        ([stating('rendered')], 'rendered'),
        ([stating('real video', pseudo_fakes=True)], 'real video and pseudo-fakes'),
        ([stating('rendered', pseudo_fakes=True)], 'rendered'),
        ([stating('real video'), stating('rendered')], 'unknown'),
        ([stating('real video'), stating(None)], 'unknown'),
        ([Videos(REAL)], 'unknown'),
    ],
)
def test_checkpoints_tell_the_kind_of_data_that_the_datasets_state(
    tmp_path, datasets, kind
):
    loader = SimpleNamespace(dataset=SimpleNamespace(datasets=datasets))
    hook, checkpoint = RunReportHook(), {'meta': {'iter': 3}}
    hook.before_train(make_runner(tmp_path, train_dataloader=loader))
    hook.before_save_checkpoint(None, checkpoint)
    assert checkpoint['meta']['iter'] == 3
    told = TrainingData.read(checkpoint['meta']['training_data'])
    assert (told.kind, told.sets) == (kind, ('set',))
    assert told.num_persons == (2 if 'identities' in datasets[0].infos[0] else 0)
    assert SeenVideos.read(tmp_path / 'training_videos.json').training_data == told
