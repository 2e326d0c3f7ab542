"""The same work on a Ray cluster, whose machines share the folders of ROOT and OUT."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmdeepfake.errors import ConfigError, InputError
from mmdeepfake.structures import VideoKey

from ..work_plan import WorkUnit
from ..worker_context import WorkerContext, WorkerSettings
from .unit_runner import VideoOutcome, run_unit, settle_crash, use_one_thread
from .worker_limits import SelfWatch, WorkerLimits

# A machine of the cluster may go away, which is not the fault of its videos.
_MAX_TRIES = 2
_PACKAGE = Path(__file__).resolve().parents[2]
_UNITS_PER_CPU = 2  # sent ahead, so that no worker waits for the next unit

# Of one worker process of Ray, which runs many tasks: detectors are slow to make.
_contexts: dict[str, WorkerContext] = {}
_watches: dict[WorkerLimits, SelfWatch] = {}


def run_on_ray(
    units: Sequence[WorkUnit],
    order: WorkerSettings,
    *,
    address: str | None = None,
    num_workers: int | None = None,
    limits: WorkerLimits | None = None,
) -> Iterator[VideoOutcome]:
    """Prepare all videos on a cluster, one CPU each, giving them unit by unit.

    The package must be installed on every machine, and ROOT and OUT be the same folders
    there. A video that kills its process twice has failed, and so has one that twice
    takes more than it may: its process ends itself.

    Args:
        units: what to prepare.
        order: the task of every worker.
        address: of the cluster's head, 'auto' for the one that this machine is part of,
            None to start one on this machine alone.
        num_workers: units that are worked at together; None is every CPU.
        limits: of each process; None takes the usual ones.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster at the address.
        OutputError: the disk is full, or cannot be written to.
    """
    ray = _import_ray()
    mine = not ray.is_initialized()
    if mine:
        try:
            ray.init(address=address, log_to_driver=False, configure_logging=False)
        except ConnectionError as error:
            raise ConfigError(
                f'no Ray cluster at {address!r} ({error}); start one by `ray start '
                '--head`, or leave --ray-address out to use this machine'
            ) from error
    try:
        yield from _Driver(ray, order, num_workers, limits or WorkerLimits()).run(units)
    finally:
        if mine:
            ray.shutdown()


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            "the executor 'ray' needs Ray: pip install 'mmdeepfake[ray]'"
        ) from error
    return ray


class _Driver:
    """Sends units to the cluster and collects what became of them."""

    def __init__(
        self,
        ray: Any,
        order: WorkerSettings,
        num_workers: int | None,
        limits: WorkerLimits,
    ) -> None:
        self._ray = ray
        self._order = order
        self._limits = limits
        num_cpus = int(ray.cluster_resources().get('CPU', 1))
        self._window = num_workers or _UNITS_PER_CPU * num_cpus
        # One thread each, as in local workers. A checkout that is not installed is
        # found where the machines share its folder.
        variables = {
            'OMP_NUM_THREADS': '1',
            'PYTHONPATH': f'{_PACKAGE.parent}{os.pathsep}${{PYTHONPATH}}',
        }
        # Retries are counted here, by video.
        self._task = ray.remote(
            num_cpus=1,
            max_retries=0,
            runtime_env={'env_vars': variables},
            scheduling_strategy='SPREAD',
        )(_run_remotely)
        self._num_tries: Counter[VideoKey] = Counter()

    def run(self, units: Sequence[WorkUnit]) -> Iterator[VideoOutcome]:
        """Yield the outcome of every video."""
        ray = self._ray
        waiting, running = deque(units), {}
        try:
            while waiting or running:
                while waiting and len(running) < self._window:
                    unit = waiting.popleft()
                    running[self._task.remote(unit, self._order, self._limits)] = unit
                (ready,), _ = ray.wait(list(running), num_returns=1)
                unit = running.pop(ready)
                try:
                    outcomes, error = ray.get(ready)
                except ray.exceptions.RayTaskError:
                    raise  # a fault of the program
                except ray.exceptions.RayError as crash:
                    outcomes, rest = self._settle(unit, crash)
                    if rest.videos:
                        waiting.append(rest)
                    error = None
                yield from outcomes
                if error is not None:
                    raise error
        finally:
            for reference in running:
                ray.cancel(reference, force=True)

    def _settle(
        self, unit: WorkUnit, crash: Exception
    ) -> tuple[list[VideoOutcome], WorkUnit]:
        """Find out how far a unit came whose process has died.

        Returns:
            What became of its first videos, and the unit of the others.
        """
        context = WorkerContext(self._order)
        outcomes: list[VideoOutcome] = []
        for index, video in enumerate(unit.videos):
            done = context.load_finished(video.key)
            if done is not None:
                outcomes.append(VideoOutcome.of(done))
                continue
            self._num_tries[video.key] += 1
            if self._num_tries[video.key] < _MAX_TRIES:
                return outcomes, unit.from_video(index)
            kind = type(crash).__name__
            fault = f'its process on the cluster died {_MAX_TRIES} times ({kind})'
            outcomes.append(settle_crash(video, context, fault))
            return outcomes, unit.from_video(index + 1)
        return outcomes, unit.from_video(len(unit.videos))


def _run_remotely(
    unit: WorkUnit, order: WorkerSettings, limits: WorkerLimits
) -> tuple[list[VideoOutcome], InputError | None]:
    """Prepare a unit on the cluster; an error that stops the run is given back."""
    name = f'{order.out}/{order.run}/{order.settings.fingerprint()}'
    if name not in _contexts:
        use_one_thread()
        _contexts[name] = WorkerContext(order)
    context = _contexts[name]
    if limits not in _watches:
        _watches[limits] = SelfWatch(limits)
    watch = _watches[limits]
    context.report_progress = watch.report_progress
    outcomes: list[VideoOutcome] = []
    try:
        watch.begin(unit)
        for outcome in run_unit(unit, context):
            outcomes.append(outcome)
            if len(outcomes) < len(unit.videos):
                watch.begin(unit, len(outcomes))
    except InputError as error:
        return outcomes, error
    finally:
        watch.begin(None)
    return outcomes, None
