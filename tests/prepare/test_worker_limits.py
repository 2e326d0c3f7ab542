"""A worker without a supervisor ends itself when a video takes too much."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmdeepfake.prepare.execution import worker_limits
from mmdeepfake.prepare.execution.worker_limits import measure_memory

PACKAGE = Path(worker_limits.__file__).parents[2]
WATCHED = """
import pathlib, sys, time, types
package = sys.modules['mmdeepfake'] = types.ModuleType('mmdeepfake')
package.__path__ = [sys.argv[1]]
from mmdeepfake.prepare.execution.worker_limits import SelfWatch, WorkerLimits
from mmdeepfake.prepare.work_plan import WorkUnit
watch = SelfWatch(WorkerLimits(**eval(sys.argv[2])))
watch.begin(WorkUnit((types.SimpleNamespace(path=pathlib.Path('a.mp4')),)))
for _ in range(int(sys.argv[3])):
    time.sleep(0.1)
    watch.report_progress()
time.sleep(float(sys.argv[4]))
watch.begin(None)
time.sleep(1)
"""


@pytest.mark.parametrize(
    ('limits', 'num_beats', 'seconds', 'fault'),
    [
        (dict(timeout_seconds=1), 0, 60, 'a.mp4: it took longer than the 1 s allowed'),
        (dict(memory_bytes=1 << 20), 0, 60, 'a.mp4: it took more than the 0.000976562'),
        (dict(stall_seconds=0.1), 0, 60, 'a.mp4: it gave no frame for 0.1 s'),
        (dict(stall_seconds=60), 3, 0, ''),
    ],
)
def test_what_takes_too_much_ends_its_process(limits, num_beats, seconds, fault):
    words = [str(PACKAGE), repr(limits), str(num_beats), str(seconds)]
    done = subprocess.run(
        [sys.executable, '-c', WATCHED, *words],
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))},
    )
    assert (done.returncode, fault in done.stderr) == (bool(fault), True)


def test_memory_of_a_process_is_measured():
    assert measure_memory(os.getpid()) > 10 << 20
    assert measure_memory(1 << 30) == 0
