"""Runs our tools in forks of one process, so that a kill test pays the imports once.

A fork is a tool as a user starts it, under its own arguments and folder. It can be told
to kill itself, as by kill -9, at a moment that is counted: calls of the runner's hooks
and file operations in a folder. Or it is killed by the clock.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import runpy
import select
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE_EVENTS = ('open', 'os.rename', 'os.remove', 'os.mkdir', 'os.rmdir')
# Imported by the first registry, visualizer, optimizer and record of a run.
USED_BY_ALL = (
    *('mmdeepfake.registration', 'mmaction.engine', 'mmaction.visualization'),
    *('matplotlib.pyplot', 'torch._dynamo', 'torch.utils.cpp_extension', 'yapf'),
)
MODULES = {
    'train': 'mmdeepfake.commands.train',
    'test': 'mmdeepfake.commands.test',
    'robustness': 'mmdeepfake.commands.robustness',
    'prepare': 'mmdeepfake.prepare.pipeline',
}


class ToolServer:
    """The process that forks; use as a context manager.

    Args:
        tools: names of tools whose modules are imported beforehand.
    """

    def __init__(self, *tools: str) -> None:
        environment = {
            **os.environ,
            'PYTHONPATH': f'{ROOT}:{ROOT / "tests"}',
            'OMP_NUM_THREADS': '1',
        }
        self._process = subprocess.Popen(
            [sys.executable, __file__, *tools],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> ToolServer:
        return self

    def __exit__(self, *_: object) -> None:
        # No more orders. An end of file would not come while a fork holds the pipe too.
        self._process.stdin.write('\n')
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def run(self, tool, *words, cwd, log, **moment):
        """Run a tool to its end or to its death.

        Args:
            tool: its name, as 'train'.
            words: its arguments.
            cwd: folder that it runs in.
            log: file that gets its output.
            moment: when it dies. folder=F, step=N: at the N-th step, where a step is a
                hook's call, or a file operation in F. draft=PART, num_bytes=N: while it
                writes the N+1st byte of a file whose temporary name has PART in it.
                seconds=S: by the clock.

        Returns:
            What became of it: `code` (negative: the signal), `steps`, `seconds`, and
            for each step a word in `names`.
        """
        order = {
            'tool': tool,
            'words': [str(word) for word in words],
            'cwd': str(cwd),
            'log': str(log),
            **moment,
        }
        self._process.stdin.write(json.dumps(order, default=str) + '\n')
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class Steps:
    """Counts what a fork does, and kills it at one of the steps."""

    def __init__(self, order: dict) -> None:
        self._last = order.get('step', 0)
        self._folder = str(order.get('folder', '\0'))
        self._draft, self._num_bytes = order.get('draft'), order.get('num_bytes', 0)
        self._count = mmap.mmap(-1, 8)
        self._names, self._writer = os.pipe()

    @property
    def number(self) -> int:
        return struct.unpack('q', self._count[:8])[0]

    def take(self, name: str) -> None:
        number = self.number + 1
        self._count[:8] = struct.pack('q', number)
        os.write(self._writer, f'{name}\n'.encode())
        if number == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Count in this process alone: forks of it are workers."""
        from mmengine.runner import Runner

        pid, call_hook = os.getpid(), Runner.call_hook

        def count_call(runner, name, **words):
            if os.getpid() == pid:
                self.take(name)
            return call_hook(runner, name, **words)

        def count_file(event, arguments):
            if event not in FILE_EVENTS or os.getpid() != pid:
                return
            path = str(arguments[0])
            if self._draft and event == 'open' and self._draft in path:
                # At this size the kernel ends the process in the middle of a write.
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                resource.setrlimit(resource.RLIMIT_FSIZE, (self._num_bytes,) * 2)
            if os.path.abspath(path).startswith(self._folder):
                self.take(f'{event} {os.path.basename(path)}')

        Runner.call_hook = count_call
        sys.addaudithook(count_file)

    def read_names(self) -> list[str]:
        os.close(self._writer)
        with open(self._names) as file:
            return file.read().splitlines()


def run_in_fork(order: dict) -> dict:
    """Fork, run, wait; see `ToolServer.run`."""
    steps, begin = Steps(order), time.monotonic()
    pid = os.fork()
    if pid == 0:
        _be_the_tool(order, steps)
    dead = os.pidfd_open(pid)
    if not select.select([dead], [], [], order.get('seconds'))[0]:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(dead)
    return {
        'code': os.waitstatus_to_exitcode(status),
        'seconds': time.monotonic() - begin,
        'steps': steps.number,
        'names': steps.read_names(),
    }


def _be_the_tool(order: dict, steps: Steps) -> None:
    """Never returns."""
    os.setsid()
    os.chdir(order['cwd'])
    log = os.open(order['log'], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    tool = ROOT / f'tools/{order["tool"]}.py'
    sys.argv = [str(tool), *order['words']]
    steps.watch()
    code = 1
    try:
        runpy.run_path(str(tool), run_name='__main__')
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:
        import traceback

        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


def main() -> None:
    """Import, then serve orders until there are no more."""
    import gc
    import importlib

    for name in (*USED_BY_ALL, *map(MODULES.get, sys.argv[1:])):
        importlib.import_module(name)
    # As in tests/conftest.py: what takes most of the time of a small run.
    import mmengine.config.config

    mmengine.config.config.FormatCode = lambda text, **_: (text, True)
    gc.freeze()
    while order := sys.stdin.readline().strip():
        print(json.dumps(run_in_fork(json.loads(order))), flush=True)


if __name__ == '__main__':
    main()
