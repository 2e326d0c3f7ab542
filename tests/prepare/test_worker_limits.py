"""A worker that nobody watches ends itself when a video takes too much."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmdeepfake.prepare.execution import worker_limits
from mmdeepfake.prepare.execution.worker_limits import Silence, measure_memory

PACKAGE = Path(worker_limits.__file__).parents[2]
WATCHED = """
import sys, time, types
package = sys.modules['mmdeepfake'] = types.ModuleType('mmdeepfake')
package.__path__ = [sys.argv[1]]
from mmdeepfake.prepare.execution.worker_limits import SelfWatch, WorkerLimits
from mmdeepfake.prepare.work_plan import WorkUnit
import pathlib
video = types.SimpleNamespace(path=pathlib.Path('a.mp4'))
watch = SelfWatch(WorkerLimits(**eval(sys.argv[2])))
watch.begin(WorkUnit((video,)))
for _ in range(int(sys.argv[3])):
    time.sleep(0.5)
    watch.report_progress()
watch.begin(None)
time.sleep(float(sys.argv[4]))
"""


def watch(limits, *, num_beats, seconds_after):
    words = [str(PACKAGE), repr(limits), str(num_beats), str(seconds_after)]
    return subprocess.run(
        [sys.executable, '-c', WATCHED, *words],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))},
    )


@pytest.mark.parametrize(
    ('limits', 'fault'),
    [
        (dict(timeout_seconds=1), 'a.mp4: it took longer than the 1 s allowed'),
        (dict(memory_bytes=1 << 20), 'a.mp4: it took more than the 0.000976562 GiB'),
        (dict(stall_seconds=0.1), 'a.mp4: it gave no frame for 0.1 s'),
    ],
)
def test_what_takes_too_much_ends_its_process(limits, fault):
    done = watch(limits, num_beats=40, seconds_after=0)
    assert done.returncode == 1
    assert fault in done.stderr


def test_frames_and_rest_are_no_stall():
    done = watch(dict(stall_seconds=20), num_beats=3, seconds_after=2)
    assert done.returncode == 0, done.stderr


def test_time_in_which_the_listener_is_stopped_does_not_count(monkeypatch):
    now = 100.0
    monkeypatch.setattr(worker_limits.time, 'monotonic', lambda: now)
    silence = Silence()
    now = 101.0
    assert silence.go_on() == 1
    now = 900.0  # it was stopped, or the machine slept
    assert silence.go_on() == 3
    silence.end()
    assert silence.go_on() == 0


def test_memory_of_a_process_is_measured():
    assert measure_memory(os.getpid()) > 10 << 20
    assert measure_memory(1 << 30) == 0
