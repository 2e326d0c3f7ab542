"""One run of a benchmark: a config and a seed, trained and tested in one folder."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

from mmdeepfake.engine.checkpoint_choice import best_checkpoint
from mmdeepfake.errors import ConfigError, DataError, InputError
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.files.bounded_reading import load_json
from mmdeepfake.files.folder_lock import FolderInUseError, hold_lock
from mmdeepfake.files.record_fields import check_fields

from ..finished_runs import ScoredRun, read_scored_run

# Through the package, so that an installed copy finds them too.
TOOLS = Path(__file__).resolve().parents[2] / '.mim/tools'
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
class RunState:
    """The state of a run, kept in `benchmark.json` in its folder.

    Attributes:
        settings: must be the same when the run is resumed, like the config.
        stage: the next one: 'train', 'test', or 'done'.
        failure: why the last attempt at the stage failed; '' if it did not.
        seconds: time of each finished stage; of a resumed one, of its last part.
    """

    settings: dict[str, object]
    stage: str = 'train'
    failure: str = ''
    seconds: dict[str, float] | None = None

    def __str__(self) -> str:
        if self.failure:
            return f'FAILED, {self.failure}'
        if self.stage != 'done':
            return f'not finished, next: {self.stage}'
        times = (
            f'{stage} {time:.0f} s' for stage, time in (self.seconds or {}).items()
        )
        return f'done ({", ".join(times)})'


@dataclass(frozen=True)
class BenchmarkRun:
    """A config, a seed and a folder.

    Attributes:
        config: file of the resolved config, options included.
        seed: of the training.
        folder: work dir.
        launch: how to start processes.
    """

    config: Path
    seed: int
    folder: Path
    launch: Launch

    def read_state(self) -> RunState:
        """Read the state of the run.

        Raises:
            DataError: the file is damaged.
            ConfigError: the folder has a run of other settings.
        """
        path = self.folder / STATE
        settings: dict[str, object] = {
            'seed': self.seed,
            'amp': self.launch.amp,
            'processes': self.launch.num_processes,
        }
        if not path.is_file():
            return RunState(settings)
        try:
            state = RunState(**check_fields(RunState, load_json(path)))
            if state.stage not in _STAGES:
                raise ValueError(f'stage {state.stage!r}')
        except (ValueError, TypeError) as error:
            raise DataError(
                f'{path}: not a file of tools/benchmark.py ({error}); remove '
                f'{self.folder} to run it again'
            ) from error
        for name, value in settings.items():
            if state.settings.get(name) != value:
                raise ConfigError(
                    f'{self.folder} has a run with {name} = '
                    f'{state.settings.get(name)!r}, not {value!r}: use the old '
                    'settings, another --work-dir, or remove that folder'
                )
        return state

    def read_scores(self) -> ScoredRun | RunState:
        """Return the figures of a finished run, or the state of another one."""
        state = self.read_state()
        if state.stage != 'done':
            return state
        try:
            return read_scored_run(self.folder, self.folder)
        except (InputError, OSError):  # missing or inconsistent: test again
            return replace(state, stage='test')

    def advance(self) -> RunState:
        """Train and test from the current state; a failure is kept in the state."""
        try:
            with hold_lock(self.folder / _LOCK):
                scores = self.read_scores()
                state = scores if isinstance(scores, RunState) else self.read_state()
                state = replace(state, failure='')
                while state.stage != 'done' and not state.failure:
                    state = self._next_state(state)
                    text = json.dumps(asdict(state), indent=2) + '\n'
                    replace_text(self.folder / STATE, text)
        except FolderInUseError as error:
            return replace(self.read_state(), failure=str(error))
        return state

    def _next_state(self, state: RunState) -> RunState:
        began = time.monotonic()
        try:
            self._run_stage(state.stage)
        except (StageError, InputError) as error:
            return replace(state, failure=f'{state.stage}: {error}')
        seconds = {state.stage: round(time.monotonic() - began, 1)}
        return replace(
            state,
            stage=_STAGES[_STAGES.index(state.stage) + 1],
            seconds={**(state.seconds or {}), **seconds},
        )

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
            with log.open('rb') as file:
                file.seek(start)
                text = file.read().decode(errors='replace')
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
