"""Two runs on one folder: the second one hears of the first, and destroys nothing."""

import errno
import fcntl
import os
import signal
import socket
import time

import pytest
from builders import make_video
from fault_builders.disk_faults import refuse_more_than_a_message, run_here
from fault_builders.left_files import read_folder
from inference_builders import save_tool_model
from tool_runs import CONFIG, ROOT

from mmdeepfake.engine.work_folder import (
    CHECKPOINTS,
    LOCK,
    launched_rank,
    lock_work_folder,
)
from mmdeepfake.errors import ConfigError
from mmdeepfake.files.folder_lock import FolderInUseError, hold_lock


class Holder:
    """Another process that holds a lock, with a worker that it forked if so wished."""

    def __init__(self, path, *, has_worker=False):
        told, tell = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            with hold_lock(path):
                if has_worker:
                    os.fork()
                os.write(tell, b'held')
                time.sleep(60)
            os._exit(0)
        os.close(tell)
        assert os.read(told, 4) == b'held'
        os.close(told)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@pytest.fixture
def work_dir(tmp_path, monkeypatch):
    for name in ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('LOCAL_RANK', '0')
    return tmp_path / 'run'


def test_error_names_the_owner_and_its_start(tmp_path):
    other = Holder(tmp_path / 'lock')
    today = time.strftime('%Y-')
    told = rf'process {other.pid} on {socket.gethostname()}, since {today}\d\d-\d\d '
    with pytest.raises(FolderInUseError, match=told) as caught:
        with hold_lock(tmp_path / 'lock'):
            pass
    assert caught.value.owner.startswith(f'process {other.pid} on ')
    other.kill()
    with hold_lock(tmp_path / 'lock'):
        assert f'process {os.getpid()} on' in (tmp_path / 'lock').read_text()


def test_lock_ends_by_kill_although_a_forked_worker_lives_on(tmp_path):
    other = Holder(tmp_path / 'lock', has_worker=True)
    with pytest.raises(FolderInUseError), hold_lock(tmp_path / 'lock'):
        pass
    other.kill()
    with hold_lock(tmp_path / 'lock'):
        pass
    os.killpg(other.pid, signal.SIGKILL)  # the worker was there all the time


def test_drive_without_locks_keeps_nobody_out(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOSYS, 'no locks here')

    monkeypatch.setattr(fcntl, 'flock', flock)
    with hold_lock(tmp_path / 'lock'), hold_lock(tmp_path / 'lock'):
        assert [path.name for path in tmp_path.iterdir()] == ['lock']


def test_second_training_is_refused_and_a_test_is_not(work_dir):
    with lock_work_folder(work_dir, resume=None):
        for resume in (None, 'auto'):
            with pytest.raises(FolderInUseError, match='another --work-dir'):
                with lock_work_folder(work_dir, resume=resume):
                    pass
        # Another process of the same training.
        os.environ['RANK'] = '1'
        try:
            with lock_work_folder(work_dir, resume=None):
                pass
        finally:
            del os.environ['RANK']


@pytest.mark.parametrize('name', ['RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK'])
def test_rank_is_known_from_every_launcher(work_dir, monkeypatch, name):
    assert launched_rank() == 0
    monkeypatch.setenv(name, '3')
    assert launched_rank() == 3


@pytest.mark.parametrize('pattern', CHECKPOINTS)
def test_checkpoints_of_an_earlier_training_are_not_written_over(work_dir, pattern):
    work_dir.mkdir()
    name = pattern.replace('*', '3')
    (work_dir / name).write_text('weights')
    (work_dir / 'mine.pth').write_text('weights')
    told = rf'checkpoints of an earlier training \({name}\): use --resume'
    elsewhere = work_dir.parent / 'epoch_1.pth'
    for resume in (None, str(elsewhere)):
        with pytest.raises(ConfigError, match=told):
            with lock_work_folder(work_dir, resume=resume):
                pass
    for resume in ('auto', str(work_dir / 'epoch_3.pth')):
        with lock_work_folder(work_dir, resume=resume):
            pass
    assert (work_dir / name).exists()
    with lock_work_folder(work_dir, resume=None, overwrite=True):
        assert sorted(path.name for path in work_dir.iterdir()) == [LOCK, 'mine.pth']


def test_overwriting_and_resuming_from_elsewhere_contradict(work_dir):
    work_dir.mkdir()
    (work_dir / 'epoch_1.pth').write_text('')
    with pytest.raises(ConfigError, match=r'--overwrite --resume /x\.pth'):
        with lock_work_folder(work_dir, resume='/x.pth', overwrite=True):
            pass
    assert (work_dir / 'epoch_1.pth').exists()


def test_many_checkpoints_are_named_in_part(work_dir):
    work_dir.mkdir()
    for number in range(5):
        (work_dir / f'epoch_{number}.pth').write_text('')
    with pytest.raises(ConfigError, match=r'epoch_2\.pth and 2 more\)'):
        with lock_work_folder(work_dir, resume=None):
            pass


def test_tool_that_trains_twice_changes_nothing(work_dir, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'tests')
    work_dir.mkdir()
    (work_dir / 'best_deepfake_auc_epoch_2.pth').write_bytes(b'weights')
    before = read_folder(work_dir)
    folder = work_dir.parent
    code, said = run_here('train.py', CONFIG, '--work-dir', 'run', cwd=folder)
    told = refuse_more_than_a_message(code, said)
    assert 'best_deepfake_auc_epoch_2.pth' in told
    with hold_lock(work_dir / LOCK):
        code, said = run_here(
            'train.py', CONFIG, '--work-dir', 'run', '--overwrite', cwd=folder
        )
    assert 'another run is in progress' in refuse_more_than_a_message(code, said)
    after = read_folder(work_dir)
    after.pop(LOCK)
    assert after == before


def test_second_inference_into_one_folder_is_refused(tmp_path):
    make_video(tmp_path / 'a.mp4', num_frames=12)
    words = ['a.mp4', '--checkpoint', save_tool_model(tmp_path / 'model')]
    with hold_lock(tmp_path / 'out/.lock'):
        code, said = run_here('infer.py', *words, '--out', 'out', cwd=tmp_path)
    assert 'another run is in progress in ' in said
    assert code == 2
    assert list(read_folder(tmp_path / 'out')) == ['.lock']
