"""One run of a benchmark: a config and a seed, trained and tested in one folder."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mmdeepfake.engine.checkpoint_choice import best_checkpoint
from mmdeepfake.errors import DataError, InputError
from mmdeepfake.files.atomic_write import replace_json
from mmdeepfake.files.bounded_reading import load_json
from mmdeepfake.files.folder_lock import FolderInUseError, hold_lock
from mmdeepfake.files.package_folders import TOOLS

from ..finished_runs import ScoredRun, read_scored_run

STATE = 'benchmark.json'
_LOCK = 'benchmark.lock'
_STAGES = ('train', 'test', 'done')


class StageError(Exception):
    """A training or a test failed; the message says why."""


@dataclass(frozen=True)
class Launch:
    """How to start the processes of a run.

    Attributes:
        launcher: 'none' for one process, 'pytorch' for torchrun on this machine,
            'slurm' for srun inside an allocation.
        num_processes: GPUs, or processes on the CPU.
        srun_args: further words for srun.
        amp: mixed precision in training.
    """

    launcher: str = 'none'
    num_processes: int = 1
    srun_args: str = ''
    amp: bool = False

    def command(self, tool: str) -> list[str]:
        """Return the command of a tool, with its --launcher flag."""
        script = str(TOOLS / tool)
        if self.launcher == 'pytorch':
            count = f'--nproc_per_node={self.num_processes}'
            start = [str(TOOLS / 'start_processes.py'), '--standalone', count, script]
            return [sys.executable, *start, '--launcher', 'pytorch']
        if self.launcher == 'slurm':
            srun = ['srun', f'--ntasks={self.num_processes}', '--kill-on-bad-exit=1']
            srun += shlex.split(self.srun_args)
            return [*srun, sys.executable, '-u', script, '--launcher', 'slurm']
        return [sys.executable, script]


@dataclass(frozen=True)
class BenchmarkRun:
    """A config with its options, a seed, and a folder that keeps how far the run is."""

    config: Path
    seed: int
    folder: Path
    launch: Launch

    def read_state(self) -> tuple[str, str]:
        """Return the next stage ('train', 'test' or 'done') and why it failed, or ''.

        Raises:
            DataError: the file is damaged.
        """
        path = self.folder / STATE
        if not path.is_file():
            return 'train', ''
        try:
            record = load_json(path)
            stage, failure = record['stage'], str(record['failure'])
            if stage not in _STAGES:
                raise ValueError(f'stage {stage!r}')
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(
                f'{path}: not a file of tools/benchmark.py ({error}); remove '
                f'{self.folder} to run it again'
            ) from error
        return stage, failure

    def read_scores(self) -> ScoredRun | str:
        """Return the figures of a finished run; for another one, what is next."""
        stage, failure = self.read_state()
        if stage == 'done':
            try:
                return read_scored_run(self.folder, self.folder)
            except (InputError, OSError):  # missing or inconsistent: test again
                stage = 'test'
        return failure or f'next: {stage}'

    def advance(self) -> str:
        """Train and test what is left; return why it failed, or ''."""
        try:
            with hold_lock(self.folder / _LOCK):
                if isinstance(self.read_scores(), ScoredRun):
                    return ''
                stage, failure = self.read_state()[0], ''
                stage = 'test' if stage == 'done' else stage
                while stage != 'done' and not failure:
                    stage, failure = self._try_stage(stage)
                return failure
        except FolderInUseError as error:
            return str(error)

    def _try_stage(self, stage: str) -> tuple[str, str]:
        """Run a stage; keep and return the next one, or why it failed."""
        try:
            self._run_stage(stage)
            stage, failure = _STAGES[_STAGES.index(stage) + 1], ''
        except (StageError, InputError) as error:
            failure = f'{stage}: {error}'
        record = {'stage': stage, 'failure': failure}
        replace_json(self.folder / STATE, record)
        return stage, failure

    def _run_stage(self, stage: str) -> None:
        words = [*self.launch.command(f'{stage}.py'), str(self.config)]
        if stage == 'train':
            # Without a checkpoint --resume starts from the beginning. If this process
            # alone is killed, the training still holds its own lock.
            words += ['--seed', str(self.seed), '--resume']
            words += ['--amp'] if self.launch.amp else []
        else:
            checkpoint = best_checkpoint(self.folder)
            if checkpoint is None:
                raise StageError(f'no best_*.pth in {self.folder}')
            words.append(str(checkpoint))
        words += ['--work-dir', str(self.folder)]
        log = self.folder / f'{stage}.log'
        with log.open('ab') as file:
            start = file.tell()
            code = _run_to_its_end(words, file)
        if code:
            text = log.read_bytes()[start:].decode(errors='replace')
            raise StageError(describe_failure(text, code))
        if stage == 'test':
            read_scored_run(self.folder, self.folder)


def _run_to_its_end(words: Sequence[str], log: IO[bytes]) -> int:
    """Run a command; return its exit code, or minus its signal.

    If this process is stopped, the command is stopped first.
    """
    process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        return process.wait()
    except BaseException:
        process.terminate()  # torchrun and srun end their own processes at that
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
        raise


def describe_failure(log: str, code: int) -> str:
    """Return in one line why a tool failed: its message, or its last line."""
    messages: Sequence[str] = re.findall(r'^error: (.*)$', log, re.MULTILINE)
    if messages:
        return messages[-1]
    lines = [line for line in log.splitlines() if line.strip()]
    cause = f': {lines[-1].strip()}' if lines else ''
    return (f'ended by signal {-code}' if code < 0 else f'exit code {code}') + cause
