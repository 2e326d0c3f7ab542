"""Starts the processes of a distributed run on this machine, as torchrun does.

The arguments are torchrun's. Where a process dies, torchrun ends the others and reports
that in thirty lines; here it is one: which process, of what, and how to go on.
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

EXIT_TOLD = 2  # of a process of ours that has printed why


def main() -> int:
    """Run them all; give the exit code of the first that failed, 1 for a signal."""
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
    """Give the rank and the failure that came first.

    A process that lost its partner fails in the same moment as the one that was killed.
    """
    killed = [
        (rank, failure)
        for rank, failure in error.failures.items()
        if failure.exitcode < 0 and failure.exitcode != -signal.SIGTERM
    ]
    first = error.get_first_failure()
    if first[1].exitcode == EXIT_TOLD or not killed:
        return first
    return min(killed, key=lambda pair: pair[1].timestamp)


def describe_deaths(error: ChildFailedError, script: str) -> list[str]:
    """Say which process died; nothing where it has said itself what was wrong."""
    rank, failure = first_failure(error)
    told = [] if failure.exitcode == EXIT_TOLD else [(rank, failure)]
    hung = [
        (other, one)
        for other, one in error.failures.items()
        if not told and one.exitcode == -signal.SIGKILL
    ]
    again = 'run the same command again'
    if os.path.basename(script) == 'train.py':
        again += ' with --resume'
    lines = []
    for number, one in told + hung:
        who = f'process {number} (pid {one.pid} on {socket.gethostname()})'
        if hung:
            what = 'did not answer any more and was ended by force'
        elif one.exitcode < 0:
            what = f'was killed by {describe_signal(-one.exitcode)}'
        else:
            what = f'ended with code {one.exitcode}; what it said is above'
        lines.append(f'{who} {what}. The whole run has ended; to go on, {again}')
    return lines


def describe_signal(number: int) -> str:
    """Name a signal: 'SIGKILL, as the system does where memory runs out'."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f'signal {number}'
    if number == signal.SIGKILL:
        return f'{name}, as the system does where memory runs out'
    return name


if __name__ == '__main__':
    sys.exit(main())
