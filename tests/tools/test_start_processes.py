"""Error messages for dead processes of a distributed run."""

import runpy
import signal
from types import SimpleNamespace

import pytest
from tool_runs import ROOT
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

TOOL = runpy.run_path(str(ROOT / 'tools/start_processes.py'))
KILLED, ENDED = -signal.SIGKILL, -signal.SIGTERM


def describe(*codes, script='tools/train.py'):
    """The lines for processes with these exit codes, which ended one by one."""
    failures = {
        rank: SimpleNamespace(pid=100 + rank, exitcode=code, timestamp=order)
        for order, (rank, code) in enumerate(codes)
    }
    error = ChildFailedError.__new__(ChildFailedError)
    error.failures = failures
    return TOOL['describe_deaths'](error, script)


@pytest.mark.parametrize(
    'codes', [((1, KILLED), (0, ENDED)), ((0, 1), (1, KILLED), (2, ENDED))]
)
def test_killed_process_is_named_and_how_to_go_on(codes):
    (line,) = describe(*codes)
    assert line.startswith('process 1 (pid 101 on ')
    assert 'was killed by SIGKILL' in line
    assert line.endswith('run the same command again with --resume')


def test_test_is_run_again_without_resume():
    (line,) = describe((0, -signal.SIGSEGV), script='/x/tools/test.py')
    assert 'was killed by SIGSEGV. ' in line
    assert line.endswith('run the same command again')


def test_error_that_a_process_printed_is_not_repeated():
    assert describe((0, 2), (1, ENDED)) == []


def test_process_with_a_traceback_is_named():
    (line,) = describe((2, 1), (0, ENDED), (1, ENDED))
    assert line.startswith('process 2 (pid 102 ')
    assert 'ended with code 1' in line


def test_process_that_hung_is_named():
    (line,) = describe((0, 2), (1, KILLED), (2, ENDED))
    assert line.startswith('process 1 (pid 101 ')
    assert 'stopped responding' in line


def test_unknown_signal_is_named_by_its_number():
    assert TOOL['describe_signal'](99) == 'signal 99'
