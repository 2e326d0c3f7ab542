"""Start the processes of a distributed run on this machine, as torchrun does.

The arguments are torchrun's. If a process dies, torchrun ends the others and reports it
in thirty lines; this reports it in one: which process, why, and how to resume.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys

from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

EXIT_REPORTED = 2  # of a process of ours that has printed its error


def main() -> int:
    """Run all processes; return the exit code of the first failure, 1 for a signal."""
    for name in list(logging.root.manager.loggerDict):
        if name.startswith('torch.distributed'):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    args = torchrun.parse_args(sys.argv[1:])
    try:
        torchrun.run(args)
    except ChildFailedError as error:
        for line in describe_deaths(error, args.training_script):
            print(f'error: {line}', file=sys.stderr, flush=True)
        return max(first_failure(error)[1].exitcode, 0) or 1
    except SignalException as error:
        return 128 + error.sigval
    return 0


def first_failure(error: ChildFailedError) -> tuple:
    """Return rank and failure of the first failed process.

    A process that lost its partner fails at the same time as the killed one.
    """
    killed = [
        (rank, failure)
        for rank, failure in error.failures.items()
        if failure.exitcode < 0 and failure.exitcode != -signal.SIGTERM
    ]
    first = error.get_first_failure()
    if first[1].exitcode == EXIT_REPORTED or not killed:
        return first
    return min(killed, key=lambda pair: pair[1].timestamp)


def describe_deaths(error: ChildFailedError, script: str) -> list[str]:
    """Return which process died; nothing if it printed its own error."""
    rank, failure = first_failure(error)
    dead = [] if failure.exitcode == EXIT_REPORTED else [(rank, failure)]
    hung = [
        (other, one)
        for other, one in error.failures.items()
        if not dead and one.exitcode == -signal.SIGKILL
    ]
    again = 'run the same command again'
    if os.path.basename(script) == 'train.py':
        again += ' with --resume'
    lines = []
    for number, one in dead + hung:
        who = f'process {number} (pid {one.pid} on {socket.gethostname()})'
        if hung:
            what = 'stopped responding and was killed'
        elif one.exitcode < 0:
            what = f'was killed by {describe_signal(-one.exitcode)}'
        else:
            what = f'ended with code {one.exitcode}; see its output above'
        lines.append(f'{who} {what}. The whole run has ended; to resume, {again}')
    return lines


def describe_signal(number: int) -> str:
    """Return the name of a signal, for SIGKILL with its usual cause."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f'signal {number}'
    if number == signal.SIGKILL:
        return f'{name}, usually out of memory'
    return name


if __name__ == '__main__':
    sys.exit(main())
