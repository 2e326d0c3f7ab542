"""A clock that jumps: nothing is written over, nothing taken for older or newer."""

import os
import time
from pathlib import Path

import pytest
from mmengine.config import Config
from tool_runs import CONFIG

from mmdeepfake.engine import run_folder
from mmdeepfake.engine.build import build_runner, load_config
from mmdeepfake.engine.checkpoint_choice import best_checkpoint
from mmdeepfake.engine.run_folder import claim_log_folder


@pytest.fixture
def clock(monkeypatch):
    """Set the time that runs take their names from; it stands still."""

    def set_to(*when):
        moment = time.struct_time((*when, 0, 0, -1))
        plain = time.strftime

        def strftime(text, given=None):
            return plain(text, moment if given is None else given)

        monkeypatch.setattr(run_folder.time, 'strftime', strftime)

    return set_to


def test_runs_of_one_second_get_folders_of_their_own(tmp_path, clock):
    clock(2026, 12, 31, 23, 59, 58)
    names = [claim_log_folder(tmp_path / 'run') for _ in range(3)]
    assert names == ['20261231_235958', '20261231_235959', '20270101_000000']
    assert sorted(path.name for path in (tmp_path / 'run').iterdir()) == names


def test_run_after_the_clock_was_set_back_still_comes_last(tmp_path, clock):
    clock(2026, 11, 23, 15, 0, 0)
    first = claim_log_folder(tmp_path)
    clock(2026, 11, 23, 14, 0, 0)
    second = claim_log_folder(tmp_path)
    clock(2025, 1, 1, 0, 0, 0)
    third = claim_log_folder(tmp_path)
    clock(2026, 11, 23, 15, 0, 1)  # takes a name that is taken
    fourth = claim_log_folder(tmp_path)
    clock(2026, 11, 24, 0, 0, 0)
    fifth = claim_log_folder(tmp_path)
    names = [first, second, third, fourth, fifth]
    assert names == sorted(set(names))
    assert fifth == '20261124_000000'


@pytest.mark.parametrize('zone', ['Europe/Berlin', 'America/New_York', 'UTC'])
def test_hour_that_summer_time_repeats_orders_runs_as_they_were(
    tmp_path, monkeypatch, zone
):
    monkeypatch.setenv('TZ', zone)
    time.tzset()
    try:
        names = []
        # Around the end of summer time in Berlin and in New York, 2026.
        for start in (1792889990, 1793512790):
            for second in range(0, 20):
                now = time.localtime(start + second)
                plain = time.strftime
                monkeypatch.setattr(
                    run_folder.time,
                    'strftime',
                    lambda text, now=now, plain=plain: plain(text, now),
                )
                names.append(claim_log_folder(tmp_path))
                monkeypatch.undo()
                monkeypatch.setenv('TZ', zone)
        assert names == sorted(set(names))
    finally:
        monkeypatch.undo()
        time.tzset()


def test_other_files_and_folders_are_no_runs(tmp_path, clock):
    clock(2026, 11, 23, 15, 0, 0)
    for name in ('views', '20991301_000000', 'evaluation'):
        (tmp_path / name).mkdir()
    (tmp_path / 'metrics.json').write_text('{}')
    assert claim_log_folder(tmp_path) == '20261123_150000'


def test_runner_takes_a_folder_that_no_run_has(tmp_path, clock, monkeypatch):
    monkeypatch.setenv('LOCAL_RANK', '0')
    clock(2026, 11, 23, 15, 0, 0)
    cfg = load_config(CONFIG)
    cfg.work_dir = str(tmp_path)
    logs = []
    for _ in range(2):
        runner = build_runner(Config(cfg.to_dict(), filename=cfg.filename))
        logs.append(Path(runner.log_dir, f'{runner.timestamp}.log'))
    assert [path.parent.name for path in logs] == ['20261123_150000', '20261123_150001']
    assert all('Config:' in path.read_text() for path in logs)


def test_best_checkpoint_is_that_of_the_last_epoch_and_not_of_the_last_hour(tmp_path):
    older, newer = (tmp_path / f'best_deepfake_auc_epoch_{n}.pth' for n in (9, 10))
    for path, age in ((newer, 1000), (older, 2000)):  # the clock was set back
        path.write_text('')
        os.utime(path, (age, age))
    assert best_checkpoint(tmp_path) == newer
    newer.rename(tmp_path / 'best_x.pth')  # no number: not taken for a later one
    assert best_checkpoint(tmp_path) == older


def test_no_duration_of_ours_is_taken_from_the_wall_clock():
    package = Path(run_folder.__file__).resolve().parents[1]
    users = [
        path.relative_to(package).as_posix()
        for path in package.rglob('*.py')
        if 'time.time()' in path.read_text() and '.mim' not in path.parts
    ]
    assert users == []
