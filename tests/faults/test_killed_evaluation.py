"""kill -9 in a test, then the same command: the same bytes, never half a file."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from tool_runs import CONFIG, ROOT, run_tool

from mmdeepfake.evaluation.predictions import read_predictions
from mmdeepfake.miniff import MiniFFSettings, render_miniff
from mmdeepfake.registry import MODELS

MINIFF = ROOT / 'configs/miniff/resnet_r18_miniff.py'
KILLED = (-signal.SIGKILL, -signal.SIGXFSZ)

pytestmark = pytest.mark.faults


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A small MiniFF, and random weights."""
    folder = tmp_path_factory.mktemp('evaluation')
    settings = MiniFFSettings(num_identities=(2, 2, 4), num_frames=20, size_px=96)
    render_miniff(folder / 'miniff', settings, num_workers=1)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(Config.fromfile(MINIFF).model)
    torch.save({'state_dict': model.state_dict()}, folder / 'random.pth')
    torch.save(
        {'state_dict': {k: v * 1.01 for k, v in model.state_dict().items()}},
        folder / 'other.pth',
    )
    return folder


def results_in(out):
    """Result files of an evaluation, without logs and the record of the run."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob('*'))
        if path.suffix in ('.csv', '.json', '.md', '.png')
        and path.name != 'run.json'
        and 'vis_data' not in path.parts
        and not path.name.startswith('20')  # a log
    }


def refuse_half_results(out):
    for name, content in results_in(out).items():
        if name.endswith('predictions.csv'):
            assert read_predictions(out / name)
        elif name.endswith('.json'):
            json.loads(content)


class Evaluation:
    """The same command in folders beside each other."""

    def __init__(self, server, folder, place, tool, words):
        self.server, self.folder, self.place = server, folder, place
        self.tool, self.words = tool, words

    def run(self, name, checkpoint='random.pth', **moment):
        cwd = self.place / name
        cwd.mkdir(exist_ok=True)
        words = [MINIFF, self.folder / checkpoint, '--work-dir', 'out', *self.words]
        if self.tool == 'robustness':
            words.insert(0, 'run')
        words += ['--cfg-options', f'data_root={self.folder / "miniff"}']
        return self.server.run(
            self.tool, *words, cwd=cwd, log=cwd / 'log.txt', folder=cwd / 'out',
            **moment,
        )  # fmt: skip

    def leave_alone(self):
        done = self.run('whole')
        assert done['code'] == 0, (self.place / 'whole/log.txt').read_text()[-3000:]
        return done, results_in(self.place / 'whole/out')

    def kill_and_run_again(self, moment, expected, *, over_other=False):
        if over_other:  # the figures of another checkpoint lie there
            assert self.run('killed', 'other.pth')['code'] == 0
        killed = self.run('killed', **moment)
        assert killed['code'] in KILLED, killed
        out = self.place / 'killed/out'
        refuse_half_results(out)
        assert self.run('killed')['code'] == 0
        assert results_in(out) == expected, moment
        shutil.rmtree(self.place / 'killed')


def test_twenty_kills_of_a_test_change_no_byte(server, folder, tmp_path):
    """15 counted moments, 5 of them inside a write, and 5 by the clock."""
    evaluation = Evaluation(server, folder, tmp_path, 'test', [])
    whole, expected = evaluation.leave_alone()
    assert {'predictions.csv', 'metrics.json'} <= set(expected)
    rng = random.Random(3)
    steps = rng.sample(range(1, whole['steps'] + 1), 10)
    # Where the results are written: few steps, so some are taken on purpose.
    names = whole['names']
    steps[:3] = [
        1 + names.index(next(name for name in names if part in name))
        for part in ('rename .predictions.csv', 'rename .metrics.json', 'after_test')
    ]
    moments = [{'step': step} for step in steps]
    moments += [
        {'draft': name, 'num_bytes': number}
        for name, number in (
            ('.predictions.csv', 0), ('.predictions.csv', 300), ('.predictions.csv', 1),
            ('.metrics.json', 0), ('.metrics.json', 100),
        )
    ]  # fmt: skip
    moments += [{'seconds': rng.uniform(0.2, 0.9) * whole['seconds']} for _ in range(5)]
    for number, moment in enumerate(moments):
        evaluation.kill_and_run_again(moment, expected, over_other=number % 4 == 0)


def test_five_kills_of_a_robustness_run_change_no_byte(server, folder, tmp_path):
    words = ['--corruptions', 'blur', '--levels', '1', '3']
    words += ['--num-resamples', '20']
    evaluation = Evaluation(server, folder, tmp_path, 'robustness', words)
    whole, expected = evaluation.leave_alone()
    assert len([name for name in expected if name.endswith('predictions.csv')]) == 3
    rng = random.Random(4)
    for step in rng.sample(range(1, whole['steps'] + 1), 5):
        evaluation.kill_and_run_again({'step': step}, expected)


def test_five_kills_of_a_benchmark_change_no_figure(tmp_path):
    """The benchmark and what it has started are killed together, as by a power cut."""
    words = [ROOT / 'tools/benchmark.py', CONFIG, '--work-dir', 'out', '--cfg-options']
    words += ['train_cfg.max_epochs=30']
    whole, run = tmp_path / 'whole', tmp_path / 'killed'
    whole.mkdir()
    begin = time.monotonic()
    run_tool(*words, cwd=whole)
    seconds, rng = time.monotonic() - begin, random.Random(5)
    run.mkdir()
    for _ in range(5):  # each goes on where the one before was killed
        process = subprocess.Popen(
            [sys.executable, *map(str, words)],
            cwd=run,
            env={
                **os.environ,
                'PYTHONPATH': str(ROOT / 'tests'),
                'OMP_NUM_THREADS': '1',
            },
            start_new_session=True,
            stdout=subprocess.DEVNULL,
        )
        time.sleep(rng.uniform(0.3, 0.8) * seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for place in run.glob('out/*/seed0'):
            refuse_half_results(place)
    run_tool(*words, cwd=run)
    for name in ('predictions.csv', 'metrics.json'):
        one, other = (
            next(place.glob(f'out/*/seed0/{name}')).read_bytes()
            for place in (whole, run)
        )
        assert one == other
