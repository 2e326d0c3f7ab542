"""Peak memory of a model's passes, each model apart from the others.

On CUDA it is what torch's allocator held at most, above what it held before the model
was made. A CPU has no such counter, so there a fresh process makes the model and runs
it, and its largest resident set is read from the kernel, less that of the process with
all modules loaded and no model. Freed blocks go back to the system at once there
(glibc's MALLOC_MMAP_THRESHOLD_), or fragments would count.

Weights, the optimizer's state, the batch, activations and gradients all count, as do
the workspaces of the kernels. In 'train' the step is the second one: the first makes
the optimizer's state.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from mmengine.config import Config

from .timed_model import SpeedSettings, TimedModel

_PASSES = {'forward': 1, 'train': 2}
_THRESHOLD = 'MALLOC_MMAP_THRESHOLD_'


def measure_peak_bytes(
    cfg: Config, *, shape: Sequence[int], num_videos: int, settings: SpeedSettings
) -> dict[str, int]:
    """Return the peak of each mode in bytes; the arguments are `TimedModel`'s.

    Raises:
        RuntimeError: the model does not fit, or its process was killed.
    """
    if settings.on_cuda:
        return _measure_on_cuda(cfg, shape, num_videos, settings)
    before = os.environ.get(_THRESHOLD)
    os.environ[_THRESHOLD] = '65536'
    try:
        with TemporaryDirectory(prefix='speed_') as folder:
            path = Path(folder, 'config.py')
            cfg.dump(str(path))
            return run_in_new_process(
                _measure_this_process, path, shape, num_videos, settings
            )
    finally:
        del os.environ[_THRESHOLD]
        if before is not None:
            os.environ[_THRESHOLD] = before


def run_in_new_process(function: Callable, *arguments: Any) -> Any:
    """Return what a function returns in a process of its own.

    Raises:
        RuntimeError: the process was killed, as Linux does when memory runs out.
    """
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            raise RuntimeError(
                'its process was killed, most likely since memory ran out'
            ) from error


def read_resident_bytes(entry: str) -> int:
    """Read this process's resident set from the kernel: 'VmRSS' now, 'VmHWM' ever.

    `getrusage` would count the process that started this one, too.
    """
    lines = Path('/proc/self/status').read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f'{entry}:'))
    return int(line.split()[1]) * 1024


def _measure_on_cuda(
    cfg: Config, shape: Sequence[int], num_videos: int, settings: SpeedSettings
) -> dict[str, int]:
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated(settings.device)
    model = TimedModel(cfg, shape=shape, num_videos=num_videos, settings=settings)
    peaks = {}
    for mode in settings.modes:
        torch.cuda.reset_peak_memory_stats(settings.device)
        for _ in range(_PASSES[mode]):
            model.run(mode)
        torch.cuda.synchronize(settings.device)
        peaks[mode] = torch.cuda.max_memory_allocated(settings.device) - before
    return peaks


def _measure_this_process(
    config: Path, shape: Sequence[int], num_videos: int, settings: SpeedSettings
) -> dict[str, int]:
    settings.apply()
    cfg = Config.fromfile(config)
    before = read_resident_bytes('VmRSS')
    model = TimedModel(cfg, shape=shape, num_videos=num_videos, settings=settings)
    peaks = {}
    # The kernel's peak cannot be set back everywhere, but forward passes, which keep no
    # activations, come first and need less.
    for mode in sorted(settings.modes, key=list(_PASSES).index):
        for _ in range(_PASSES[mode]):
            model.run(mode)
        peaks[mode] = read_resident_bytes('VmHWM') - before
    return peaks
