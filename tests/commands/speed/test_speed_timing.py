import numpy as np
import pytest

from mmdeepfake.commands.speed.speed_timing import (
    Spread,
    paired_ratios,
    seconds_on_cpu,
    time_in_turns,
)


def run_in_turns(passes, *, warmup=0, repeats=3):
    """Time passes with a clock that counts them; give the order, times and failures."""
    order, failures = [], {}

    def clock(run):
        order.append(run())
        return float(len(order))

    times = time_in_turns(
        passes,
        warmup=warmup,
        repeats=repeats,
        clock=clock,
        on_failure=failures.setdefault,
    )
    return order, times, failures


def test_rounds_go_over_all_and_each_begins_one_later():
    passes = {name: lambda name=name: name for name in 'ABC'}
    order, times, _ = run_in_turns(passes, warmup=1)
    assert ''.join(order) == 'ABC' + 'ABC' + 'BCA' + 'CAB'
    assert times == {'A': [4, 9, 11], 'B': [5, 7, 12], 'C': [6, 8, 10]}


@pytest.mark.parametrize('fails_at', [0, 1, 2])
def test_a_pass_that_fails_leaves_and_the_others_go_on(fails_at):
    calls = []

    def fail():
        calls.append(1)
        if len(calls) > fails_at:
            raise RuntimeError('out of memory')

    passes = {'A': lambda: None, 'B': fail, 'C': lambda: None}
    _, times, failures = run_in_turns(passes, warmup=1)
    assert set(times) == {'A', 'C'}
    assert all(len(seconds) == 3 for seconds in times.values())
    assert str(failures['B']) == 'out of memory'
    assert len(calls) == fails_at + 1


def test_an_error_of_the_code_is_not_swallowed():
    with pytest.raises(TypeError):
        run_in_turns({'A': lambda: None + 1})


def test_drift_of_the_machine_leaves_paired_ratios():
    drift = np.array([1.0, 1.5, 4.0])
    floor, other = 2 * drift, 3 * drift
    assert paired_ratios(list(other), list(floor)) == [1.5, 1.5, 1.5]


def test_spread_has_the_quartiles():
    values = [7.0, 1.0, 5.0, 3.0, 9.0]
    assert Spread.of(values) == Spread(5.0, 3.0, 7.0)
    assert Spread.of([2.0]) == Spread(2.0, 2.0, 2.0)
    low, high = np.percentile(values[:4], [25, 75])
    assert (Spread.of(values[:4]).low, Spread.of(values[:4]).high) == (low, high)
    assert Spread(5.0, 3.0, 7.0).times(2) == Spread(10.0, 6.0, 14.0)


def test_clock_of_the_cpu_runs_once():
    calls = []
    assert seconds_on_cpu(lambda: calls.append(1)) >= 0
    assert calls == [1]
