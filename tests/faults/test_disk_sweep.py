"""Every tool that writes, with the disk full from each of its file operations on.

Also with each operation failing alone, with every size that a file may not exceed, and
on small disks of many sizes. After each: exit code 2, one message, nothing half
written, nothing old lost, no temporary file left.
"""

from __future__ import annotations

import shutil

import pytest
from fault_builders.disk_faults import file_size_limit, small_disk
from fault_builders.disk_trial import Trial
from fault_builders.tool_scenarios import SCENARIOS

pytestmark = pytest.mark.faults


@pytest.fixture(params=SCENARIOS)
def trial(request, tmp_path, monkeypatch):
    monkeypatch.setenv('LOCAL_RANK', '0')
    trial = Trial(SCENARIOS[request.param], tmp_path)
    trial.name = request.param
    return trial


@pytest.mark.parametrize('lasting', [True, False])
def test_disk_is_full_from_each_operation_on(trial, lasting):
    num_steps, failed = trial.fail_at_each_step(lasting=lasting)
    assert failed
    print(f'\n{trial.name}, operations, {lasting=}: {num_steps} runs, {failed} failed')


def test_no_file_may_grow_beyond_each_size(trial):
    sizes = sorted({len(content) for content in trial.after.values()})
    limits = sorted({limit for size in sizes for limit in (size - 1, size // 2)})
    failed = 0
    for limit in [one for one in limits if one >= 0]:
        trial.restore()
        with file_size_limit(limit):
            code, said = trial.run()
        failed += trial.check(code, said, f'files of {limit} bytes', may_pass=True)
    assert failed
    print(f'\n{trial.name}, file sizes: {trial.num_trials} runs, {failed} failed')


def test_disk_of_each_size_is_full_at_some_moment(trial):
    used = sum(-(-len(content) // 4096) * 4096 for content in trial.after.values())
    old = sum(-(-len(content) // 4096) * 4096 for content in trial.before.values())
    failed = 0
    shutil.rmtree(trial.out)
    for free in sorted({used * part // 12 // 4096 * 4096 for part in range(13)}):
        with small_disk(trial.out, max(4096, old + free)):
            trial.restore()
            code, said = trial.run()
            failed += trial.check(code, said, f'{free} bytes free', may_pass=True)
    assert failed
    print(f'\n{trial.name}, disk sizes: {trial.num_trials} runs, {failed} failed')
