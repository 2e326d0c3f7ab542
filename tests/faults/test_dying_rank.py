"""A process of a distributed run dies or hangs: one message, and the others end."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from fault_builders.training_runs import assert_same_training, summarise_training
from tool_runs import CONFIG, ROOT

TRAIN = ROOT / 'tools/dist_train.sh'
EPOCHS = 12
TIMEOUT = 10  # seconds, of the process group
# For torchrun to end a process that does not react, and for starting and stopping.
SECONDS_TO_END = 60

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(
        torch.cuda.is_available() or not Path('/proc/self/environ').exists(),
        reason='two processes on the CPU, which are looked for in /proc',
    ),
]


class Run:
    """Two processes that train the stub."""

    def __init__(self, folder, *words):
        self.mark = f'{os.getpid()}-{time.monotonic_ns()}'
        environment = {
            **os.environ,
            'PYTHONPATH': str(ROOT / 'tests'),
            'PYTHON': sys.executable,
            'OMP_NUM_THREADS': '1',
            'RUN_MARK': self.mark,
        }
        options = [
            f'train_cfg.max_epochs={EPOCHS}',
            f'env_cfg.dist_cfg.timeout={TIMEOUT}',
            'train_dataloader.num_workers=1',
        ]
        self.out, self.errors = folder / 'out.txt', folder / 'errors.txt'
        self.process = subprocess.Popen(
            [
                TRAIN,
                CONFIG,
                '2',
                '--work-dir',
                'run',
                *words,
                '--cfg-options',
                *options,
            ],
            cwd=folder,
            env=environment,
            stdout=self.out.open('w'),
            stderr=self.errors.open('w'),
        )

    def wait_for_epoch(self, number):
        pattern = rf'Epoch\(train\) +\[{number}\]'
        while not re.search(pattern, self.out.read_text()):
            assert self.process.poll() is None, self.errors.read_text()
            time.sleep(0.02)

    def processes(self):
        """Rank -> process, for those that are alive; workers have the rank's."""
        found = {}
        for folder in Path('/proc').glob('[0-9]*'):
            try:
                words = (folder / 'environ').read_bytes().split(b'\0')
                line = (folder / 'cmdline').read_bytes()
            except OSError:
                continue
            if f'RUN_MARK={self.mark}'.encode() in words and b'train.py' in line:
                rank = [word[5:] for word in words if word.startswith(b'RANK=')]
                if rank:
                    found.setdefault(int(rank[0]), []).append(int(folder.name))
        return {rank: min(pids) for rank, pids in found.items()}  # the first one

    def wait(self):
        self.process.wait(timeout=300)
        text = self.errors.read_text()
        assert 'Traceback' not in text
        return [line for line in text.splitlines() if line.startswith('error: ')]


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    run = Run(folder)
    assert run.wait() == []
    return summarise_training(folder / 'run')


@pytest.mark.parametrize('rank', [0, 1])
def test_killed_process_ends_the_run_with_one_message(tmp_path, whole, rank):
    run = Run(tmp_path)
    run.wait_for_epoch(3)
    victim = run.processes()[rank]
    os.kill(victim, signal.SIGKILL)
    begin = time.monotonic()
    (line,) = run.wait()
    print(f'rank {rank} killed: the run ended after {time.monotonic() - begin:.1f} s')
    assert line.startswith(f'error: process {rank} (pid {victim} on ')
    assert 'was killed by SIGKILL' in line
    assert line.endswith('run the same command again with --resume')
    assert run.process.returncode == 1
    wait_until_gone(run)
    resumed = Run(tmp_path, '--resume')
    assert resumed.wait() == []
    assert_same_training(summarise_training(tmp_path / 'run'), whole, 'two processes')


def test_process_that_hangs_ends_the_run_after_the_stated_time(tmp_path):
    run = Run(tmp_path)
    run.wait_for_epoch(3)
    victim = run.processes()[1]
    os.kill(victim, signal.SIGSTOP)
    begin = time.monotonic()
    waited, forced = run.wait()
    seconds = time.monotonic() - begin
    print(f'rank 1 stopped: the run ended after {seconds:.1f} s')
    assert seconds > TIMEOUT - 1
    assert f'rank 0 waited {TIMEOUT} s for another rank, which hangs' in waited
    assert f'process 1 (pid {victim} on ' in forced
    assert 'stopped responding and was killed' in forced
    wait_until_gone(run)


def wait_until_gone(run):
    end = time.monotonic() + SECONDS_TO_END
    while run.processes():
        assert time.monotonic() < end, run.processes()
        time.sleep(0.1)
