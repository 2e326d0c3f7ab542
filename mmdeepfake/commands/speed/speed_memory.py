"""Peak memory of a model's passes, each model apart from the others.

On CUDA it is what torch's allocator held at most, above what it held before the model
was made. A CPU has no such counter, so there a fresh process makes the model and runs
it, and its largest resident set is read from the kernel, less that of the process with
all modules loaded and no model. Large blocks of memory go back to the system as soon as
they are freed there (glibc's MALLOC_MMAP_THRESHOLD_), or fragments would count.

Weights, the optimizer's state, the batch, activations and gradients all count, as do
the workspaces of the kernels. In 'train' the step is the second one: the first makes
the optimizer's state.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict

import torch
from mmengine.config import Config

from mmdeepfake.errors import DataError

from .speed_model import SpeedModel, SpeedSettings
from .speed_timing import FAILURES

_PASSES = {'forward': 1, 'train': 2}
_STATUS = pathlib.Path('/proc/self/status')


class OutOfMemoryError(Exception):
    """A model did not fit."""


def measure_peak_bytes(
    cfg: Config, *, shape: Sequence[int], num_videos: int, settings: SpeedSettings
) -> dict[str, int]:
    """Give the peak of each mode in bytes; the arguments are `SpeedModel`'s.

    Raises:
        OutOfMemoryError: the model does not fit.
        DataError: it cannot be measured here: no Linux, or the process failed.
    """
    if settings.on_cuda:
        return _measure_on_cuda(cfg, shape, num_videos, settings)
    return _measure_in_new_process(cfg, shape, num_videos, settings)


def _measure_on_cuda(
    cfg: Config, shape: Sequence[int], num_videos: int, settings: SpeedSettings
) -> dict[str, int]:
    device = torch.device(settings.device)
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated(device)
    peaks = {}
    try:
        model = SpeedModel(cfg, shape=shape, num_videos=num_videos, settings=settings)
        for mode in settings.modes:
            torch.cuda.reset_peak_memory_stats(device)
            for _ in range(_PASSES[mode]):
                model.run(mode)
            torch.cuda.synchronize(device)
            peaks[mode] = torch.cuda.max_memory_allocated(device) - before
    except torch.OutOfMemoryError as error:
        raise OutOfMemoryError(str(error)) from error
    except FAILURES as error:
        raise DataError(str(error)) from error
    return peaks


def _measure_in_new_process(
    cfg: Config, shape: Sequence[int], num_videos: int, settings: SpeedSettings
) -> dict[str, int]:
    if not _STATUS.is_file():
        raise DataError('peak memory on a CPU is read from /proc, which Linux has')
    with tempfile.TemporaryDirectory(prefix='speed_') as folder:
        config = pathlib.Path(folder, 'config.py')
        cfg.dump(str(config))
        order = {
            'config': str(config),
            'shape': list(shape),
            'num_videos': num_videos,
            'settings': asdict(settings),
        }
        package_root = str(pathlib.Path(__file__).resolve().parents[3])
        paths = [package_root, os.environ.get('PYTHONPATH', '')]
        done = subprocess.run(
            [sys.executable, '-m', __name__],
            input=json.dumps(order),
            env={
                **os.environ,
                'PYTHONPATH': os.pathsep.join(filter(None, paths)),
                'MALLOC_MMAP_THRESHOLD_': '65536',
            },
            capture_output=True,
            text=True,
        )
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    last = (done.stderr.strip().splitlines() or ['no message'])[-1]
    # Linux ends a process that asks for more than there is with SIGKILL.
    if done.returncode == -9 or 'alloc' in last:
        raise OutOfMemoryError(last)
    raise DataError(f'the process that measures memory failed: {last}')


def read_resident_bytes(entry: str) -> int:
    """Read this process's resident set from the kernel: 'VmRSS' now, 'VmHWM' ever."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f'{entry}:'):
            return int(line.split()[1]) * 1024
    raise DataError(f'{_STATUS} has no {entry}')


def run_order(order: dict) -> dict[str, int]:
    """Measure one model in this process, which should have done nothing else."""
    modes = tuple(order['settings'].pop('modes'))
    settings = SpeedSettings(**order['settings'], modes=modes)
    settings.apply()
    cfg = Config.fromfile(order['config'])
    before = read_resident_bytes('VmRSS')
    model = SpeedModel(
        cfg, shape=order['shape'], num_videos=order['num_videos'], settings=settings
    )
    peaks = {}
    # The kernel's peak cannot be set back everywhere, but forward passes, which keep no
    # activations, come first and need less.
    for mode in sorted(modes, key=list(_PASSES).index):
        for _ in range(_PASSES[mode]):
            model.run(mode)
        peaks[mode] = read_resident_bytes('VmHWM') - before
    return peaks


if __name__ == '__main__':
    print(json.dumps(run_order(json.load(sys.stdin))))
