"""kill -9 in a training, then --resume: the same bits as without the kill."""

import json
import os
import random
import shutil
import signal

import pytest
from fault_builders.training_runs import (
    assert_same_training,
    choose_moments,
    refuse_half_checkpoints,
    summarise_training,
)
from tool_runs import CONFIG, ROOT

from mmdeepfake.miniff import MiniFFSettings, render_miniff

MINIFF = ROOT / 'configs/miniff/ratf_r18_miniff.py'
KILLED = (-signal.SIGKILL, -signal.SIGXFSZ)


class Training:
    """Runs of one config in folders beside each other."""

    def __init__(self, server, folder, config, options):
        self.server, self.folder, self.config = server, folder, config
        self.options = [
            *options,
            'val_evaluator.predictions_csv=run/results/predictions.csv',
            'val_evaluator.metrics_json=run/results/metrics.json',
        ]

    def run(self, name, *words, **moment):
        cwd = self.folder / name
        cwd.mkdir(exist_ok=True)
        options = ['--work-dir', 'run', *words, '--cfg-options', *self.options]
        return self.server.run(
            'train', self.config, *options, cwd=cwd, log=cwd / 'log.txt',
            folder=cwd / 'run', **moment,
        )  # fmt: skip

    def leave_alone(self):
        done = self.run('whole')
        assert done['code'] == 0, (self.folder / 'whole/log.txt').read_text()[-3000:]
        return done, summarise_training(self.folder / 'whole/run')

    def kill_and_resume(self, name, moment, expected):
        """Die at a moment, resume to the end, compare; return what was seen."""
        killed = self.run(name, **moment)
        assert killed['code'] in (*KILLED, 0), killed
        run = self.folder / name / 'run'
        if run.exists():
            refuse_half_checkpoints(run)
        resumed = self.run(name, '--resume')
        log = (self.folder / name / 'log.txt').read_text()
        assert resumed['code'] == 0, log[-3000:]
        assert_same_training(summarise_training(run), expected, f'{moment}')
        shutil.rmtree(self.folder / name)
        return killed


def test_killed_training_of_the_stub_goes_on_bit_for_bit(server, tmp_path):
    training = Training(server, tmp_path, CONFIG, ['train_dataloader.num_workers=1'])
    whole, expected = training.leave_alone()
    names = whole['names']
    middle = random.Random(0).choice(
        [n for n, name in enumerate(names, 1) if name == 'after_train_iter'][4:-1]
    )
    for moment in ({'draft': '.epoch_2.pth', 'num_bytes': 9000}, {'step': middle}):
        killed = training.kill_and_resume('killed', moment, expected)
        assert killed['code'] in KILLED


@pytest.fixture(scope='module')
def small_miniff(tmp_path_factory):
    root = tmp_path_factory.mktemp('small') / 'miniff'
    settings = MiniFFSettings(num_identities=(4, 2, 2), num_frames=20, size_px=96)
    render_miniff(root, settings, num_workers=1)
    return root


def miniff_options(root, *, num_workers=2):
    return [
        f'data_root={root}',
        'train_cfg.max_epochs=3',
        'train_cfg.val_begin=1',
        'max_epochs=3',
        'param_scheduler.0.total_steps=3',
        'default_hooks.logger.interval=1',
        'default_hooks.checkpoint.max_keep_ckpts=1',
        'model.cls_head.dropout_ratio=0.5',
        f'train_dataloader.num_workers={num_workers}',
    ]


@pytest.mark.faults
def test_twenty_kills_of_a_miniff_training_change_no_bit(
    server, small_miniff, tmp_path
):
    """12 counted moments, 4 of them inside a write, and 8 by the clock."""
    training = Training(server, tmp_path, MINIFF, miniff_options(small_miniff))
    whole, expected = training.leave_alone()
    again, other = training.run('again'), tmp_path / 'again/run'
    assert again['code'] == 0
    assert_same_training(summarise_training(other), expected, 'the same run again')
    rng = random.Random(1)
    folder = tmp_path / 'killed/run'
    moments = choose_moments(whole['names'], folder, number=12, seed=1)
    for moment in moments:
        moment.pop('folder', None)
    moments += [
        {'seconds': rng.uniform(0.1, 0.95) * whole['seconds']} for _ in range(8)
    ]
    report = os.environ.get('MMDEEPFAKE_FAULTS_OUT', str(tmp_path / 'figures.jsonl'))
    for moment in moments:
        killed = training.kill_and_resume('killed', moment, expected)
        last = killed['names'][-1] if killed['names'] else 'before the first step'
        with open(report, 'a') as file:
            line = {**moment, 'code': killed['code'], 'last': last, 'same': True}
            file.write(json.dumps(line) + '\n')
