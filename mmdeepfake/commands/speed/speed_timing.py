"""Times several models against each other on a machine that others use as well."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

# What a pass raises that does not fit into memory, or whose model refuses its input.
FAILURES = (RuntimeError, ValueError, AssertionError)


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of repeated measurements."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """Sum up at least one value; quartiles include the ends."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method='inclusive')
        return cls(median, low, high)

    def times(self, factor: float) -> Spread:
        """Give the spread in another unit."""
        return Spread(self.median * factor, self.low * factor, self.high * factor)


def time_in_turns(
    passes: Mapping[str, Callable[[], object]],
    *,
    warmup: int,
    repeats: int,
    clock: Callable[[Callable[[], object]], float],
    on_failure: Callable[[str, Exception], None],
) -> dict[str, list[float]]:
    """Time every pass once a round, so that the machine's drift hits all alike.

    Each round begins one place later, so that none always follows the same one.

        round 1: A B C    round 2: B C A    round 3: C A B

    Args:
        passes: name -> what is timed.
        warmup: passes of each that are not counted.
        repeats: rounds.
        clock: runs a pass and gives its seconds.
        on_failure: told of a pass that raised for want of memory or because the model
            does not take its input, which is then left out; the others go on.

    Returns:
        name -> seconds of each round, for those that did not fail.
    """
    left = list(passes)
    seconds: dict[str, list[float]] = {name: [] for name in left}

    def attempt(name: str) -> None:
        try:
            seconds[name].append(clock(passes[name]))
        except FAILURES as error:
            left.remove(name)
            on_failure(name, error)

    for name in list(left):
        for _ in range(warmup):
            if name in left:
                attempt(name)
        seconds[name].clear()
    for number in range(repeats):
        first = number % len(passes)
        for name in [*passes][first:] + [*passes][:first]:
            if name in left:
                attempt(name)
    return {name: seconds[name] for name in passes if name in left}


def seconds_on_cpu(run: Callable[[], object]) -> float:
    """Run once; give the seconds by the clock on the wall."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def seconds_on_cuda(run: Callable[[], object]) -> float:
    """Run once; give the seconds between two events on the device's stream."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    run()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1e3


def paired_ratios(times: list[float], floor: list[float]) -> list[float]:
    """Divide each round's time by the floor's time in the same round."""
    return [one / other for one, other in zip(times, floor, strict=True)]
