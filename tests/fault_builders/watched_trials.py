"""Run cases in a process that may die, hang or grow, and report which case it was."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from .video_mutator import Source, make_case

# No case may take the whole machine down; far above the cap that is told.
_LAST_RESORT_BYTES = 12 << 30
_POLL_SECONDS = 0.25
_MIB = 1 << 20


@dataclass(frozen=True)
class Trial:
    """What became of one case in one stage.

    Attributes:
        number: of the case.
        stage: one of `video_stages.STAGES`.
        end: 'frames', 'refused', 'fault', or 'crash' or 'hang' of the process itself.
        num_frames: where frames were given.
        text: the message.
        seconds: it took; of a batch, the mean.
        peak_mib: most memory of the process and of those it started; of a batch, of
            all of its cases.
    """

    number: int
    stage: str
    end: str
    num_frames: int | None
    text: str
    seconds: float
    peak_mib: int


class TrialProcess:
    """A process that runs cases, watched from outside.

    Args:
        sources: what cases are made from.
        seed: of the cases.
        folder: for their files; best in memory.
        limit_seconds: for one case.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        seed: int,
        folder: Path,
        *,
        limit_seconds: float = 60.0,
    ) -> None:
        self._given = (list(sources), seed, folder)
        self._limit = limit_seconds
        self._context = multiprocessing.get_context('spawn')
        self._process: Any = None
        self._connection: Connection | None = None

    def __enter__(self) -> TrialProcess:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop()

    def run(self, stage: str, numbers: Sequence[int]) -> Iterator[Trial]:
        """Run cases, one at a time or as a batch, as the stage takes them."""
        waiting = list(numbers)
        limit = self._limit
        if stage in ('preparation', 'inference'):
            limit += 2 * len(waiting)
        while waiting:
            self._ask(stage, waiting)
            reason = ''
            while waiting and not reason:
                start = time.monotonic()
                answer, reason = self._hear(limit)
                if not reason:
                    yield from answer
                    told = {trial.number for trial in answer}
                    waiting = [number for number in waiting if number not in told]
            if not reason:
                continue
            if stage in ('preparation', 'inference') and len(waiting) > 1:
                # Whose fault it was shows when each goes alone.
                alone, waiting = waiting, []
                for number in alone:
                    yield from self.run(stage, [number])
                continue
            seconds = round(time.monotonic() - start, 3)
            end = 'hang' if reason == 'hang' else 'crash'
            yield Trial(waiting.pop(0), stage, end, None, reason, seconds, 0)

    def _ask(self, stage: str, numbers: list[int]) -> None:
        if self._process is None:
            ours, theirs = self._context.Pipe()
            self._process = self._context.Process(
                target=_serve, args=(theirs, *self._given)
            )
            self._process.start()
            theirs.close()
            self._connection = ours
        self._connection.send((stage, numbers))

    def _hear(self, limit: float) -> tuple[list[Trial], str]:
        """Return what the process tells, or why it tells nothing any more."""
        try:
            # Second by second: a machine that was asleep has not waited so long.
            for _ in range(math.ceil(limit)):
                if self._connection.poll(1):
                    return self._connection.recv(), ''
            reason = 'hang'
        except (EOFError, OSError):
            self._process.join()
            reason = f'exit code {self._process.exitcode}'
        self._stop()
        return [], reason

    def _stop(self) -> None:
        if self._process is None:
            return
        # It leads a session of its own, with all that it has started.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()
        self._connection.close()
        self._process = None


def _serve(
    connection: Connection, sources: list[Source], seed: int, folder: Path
) -> None:
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_LAST_RESORT_BYTES, _LAST_RESORT_BYTES))
    quiet = os.open(folder / 'stderr.txt', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(quiet, 2)  # decoders write a line for each block that they cannot read
    from . import video_stages

    video_stages.set_up_process()
    runner = _Runner(sources, seed, folder)
    with contextlib.suppress(EOFError, OSError):
        while True:
            stage, numbers = connection.recv()
            if stage in video_stages.SINGLE_STAGES:
                for number in numbers:
                    connection.send([runner.run_single(stage, number)])
            else:
                connection.send(runner.run_batch(stage, numbers))
            os.ftruncate(2, 0)


class _Runner:
    """Makes the files of cases and pushes them through a stage."""

    def __init__(self, sources: list[Source], seed: int, folder: Path) -> None:
        self._sources = sources
        self._seed = seed
        self._folder = folder
        self._inferencer: Any = None

    def _write(self, number: int) -> Path:
        case = make_case(number, self._seed, self._sources)
        path = self._folder / f'case_{number}{case.suffix}'
        path.write_bytes(case.content)
        return path

    def run_single(self, stage: str, number: int) -> Trial:
        from . import video_stages

        path = self._write(number)
        _forget_peak()
        start = time.monotonic()
        end = video_stages.SINGLE_STAGES[stage](path)
        seconds = round(time.monotonic() - start, 4)
        path.unlink()
        told = asdict(end)
        return Trial(
            number,
            stage,
            told['kind'],
            end.num_frames,
            end.text,
            seconds,
            _read_peak(os.getpid()) // _MIB,
        )

    def run_batch(self, stage: str, numbers: list[int]) -> list[Trial]:
        from . import video_stages

        paths = [self._write(number) for number in numbers]
        with _PeakWatch() as watch:
            start = time.monotonic()
            if stage == 'preparation':
                ends = video_stages.try_preparation(paths, self._folder / 'prepared')
            else:
                if self._inferencer is None:
                    self._inferencer = video_stages.make_inferencer(
                        self._folder / 'model'
                    )
                ends = video_stages.try_inference(self._inferencer, paths)
            seconds = round((time.monotonic() - start) / len(numbers), 4)
        for path in paths:
            path.unlink(missing_ok=True)
        return [
            Trial(
                number,
                stage,
                end.kind,
                end.num_frames,
                end.text,
                seconds,
                watch.peak_bytes // _MIB,
            )
            for number, end in zip(numbers, ends, strict=True)
        ]


def _forget_peak() -> None:
    """Let the kernel measure the peak of this process anew."""
    with contextlib.suppress(OSError):
        Path('/proc/self/clear_refs').write_text('5')


def _read_peak(pid: int) -> int:
    """Return the most memory that a process has had, in bytes."""
    try:
        for line in Path(f'/proc/{pid}/status').read_text().splitlines():
            if line.startswith('VmHWM'):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


class _PeakWatch:
    """The largest peak among the processes of this session, looked at now and then.

    Attributes:
        peak_bytes: of one process.
    """

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _PeakWatch:
        _forget_peak()
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._is_over.wait(_POLL_SECONDS):
            self._look()

    def _look(self) -> None:
        session = os.getsid(0)
        for name in os.listdir('/proc'):
            if name.isdigit():
                with contextlib.suppress(OSError):
                    if os.getsid(int(name)) == session:
                        peak = _read_peak(int(name))
                        self.peak_bytes = max(self.peak_bytes, peak)
