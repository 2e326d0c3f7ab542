"""A full disk, a read-only or forbidden place: one message, nothing half written.

The short form of `test_disk_sweep.py`, on tools that take a moment.
"""

import errno
import logging
import os
import subprocess
import sys
import tempfile
from contextlib import nullcontext, redirect_stderr
from io import StringIO
from pathlib import Path

import av
import numpy as np
import pytest
from builders import make_frame
from fault_builders.disk_faults import (
    file_size_limit,
    refuse_more_than_a_message,
    run_here,
    small_disk,
)
from fault_builders.disk_trial import Trial
from fault_builders.left_files import read_folder
from fault_builders.tool_scenarios import SCENARIOS
from mmengine.config import Config
from run_builders import make_predictions, test_keys
from tool_runs import CONFIG

from mmdeepfake.commands.command_line import run_tool
from mmdeepfake.engine.build import build_runner, load_config
from mmdeepfake.errors import ConfigError, OutputError
from mmdeepfake.evaluation import write_predictions
from mmdeepfake.export import graph_writers as writers
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.miniff.encoding import encode_videos

NOBODY = 65534


@pytest.fixture
def compare_words(tmp_path):
    for seed in (0, 1):
        write_predictions(tmp_path / f'{seed}.csv', make_predictions(test_keys()))
    words = ['compare.py', '0.csv', '1.csv', '--num-resamples', 10]
    return [*words, '--out', 'out/table.csv']


@pytest.mark.parametrize('name', ['compare', 'bench_import'])
def test_files_are_complete_or_old_whichever_operation_fails(tmp_path, name):
    num_steps, failed = Trial(SCENARIOS[name], tmp_path).fail_at_each_step()
    assert 2 < failed <= num_steps


def test_small_disk_is_really_full(tmp_path, compare_words):
    with small_disk(tmp_path / 'out', 8192):
        (tmp_path / 'out/table.csv').write_text('old')
        (tmp_path / 'out/ballast').write_bytes(bytes(4096))
        code, said = run_here(*compare_words, cwd=tmp_path)
        told = refuse_more_than_a_message(code, said)
        assert "'out/table.csv' cannot be written: No space left" in told
        assert sorted(os.listdir(tmp_path / 'out')) == ['ballast', 'table.csv']
        assert (tmp_path / 'out/table.csv').read_text() == 'old'


def test_video_is_complete_or_missing_at_any_size_limit(tmp_path):
    frames = np.stack([make_frame(index) for index in range(8)])
    path = tmp_path / 'a.mp4'
    encode_videos(frames, [(path, 20)], fps=25)
    size = path.stat().st_size
    for limit in (0, 100, size // 2, size - 1, size):
        path.unlink()
        with file_size_limit(limit):
            if limit < size:
                with pytest.raises(OutputError, match=r'a\.mp4.*File too large'):
                    encode_videos(frames, [(path, 20)], fps=25)
                assert not list(tmp_path.iterdir())
                path.write_bytes(b'')
                continue
            encode_videos(frames, [(path, 20)], fps=25)
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 8


def test_printing_to_a_full_disk_is_reported():
    def print_much():
        with open('/dev/full', 'w') as full:
            os.dup2(full.fileno(), 1)
        sys.stdout = open(1, 'w')
        said = StringIO()
        with redirect_stderr(said):
            code = run_tool(lambda _: print('a line'), None)
        sys.stdout.flush()  # as Python does at its end
        raise SystemExit(f'{code}, {said.getvalue()}')

    assert run_in_fork(print_much) == (
        'SystemExit: 2, error: a file cannot be read or written: No space left on '
        'device; free some space, then run the same command again\n'
    )


@pytest.fixture
def runner(tmp_path, monkeypatch):
    monkeypatch.setenv('LOCAL_RANK', '0')
    cfg = load_config(CONFIG)
    cfg.work_dir = str(tmp_path)
    return build_runner(Config(cfg.to_dict(), filename=cfg.filename))


def test_log_or_config_that_cannot_be_written_ends_the_run(tmp_path, runner):
    (tmp_path / 'stub_config.py').write_text('old')
    with file_size_limit(100), pytest.raises(OutputError):
        runner.dump_config()
    assert (tmp_path / 'stub_config.py').read_text() == 'old'
    runner.dump_config()
    assert Config.fromfile(tmp_path / 'stub_config.py').model.type == 'Recognizer2D'
    (handler,) = (
        one for one in runner.logger.handlers if isinstance(one, logging.FileHandler)
    )
    handler.stream.close()
    handler.stream = open('/dev/full', 'w')
    with pytest.raises(OutputError, match=r"\.log' cannot be written: No space left"):
        runner.logger.info('a line')
    handler.stream = None


def test_disk_is_not_taken_for_a_model_that_cannot_be_exported(monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    def refuse(*_):
        raise RuntimeError('no such operator')

    metadata = type('M', (), {'format': 'onnx', 'model': 'x'})
    monkeypatch.setattr(writers, 'without_free_groups', lambda graph: nullcontext())
    for writer, error in ((fail, OSError), (refuse, ConfigError)):
        monkeypatch.setitem(writers.WRITERS, 'onnx', writer)
        with pytest.raises(error):
            writers.write_file(None, metadata, Path('x'))


def run_in_fork(function):
    """Run a function in a process of its own; return the error that it ended with."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = 'nothing'
        try:
            function()
        except BaseException as error:
            said = f'{type(error).__name__}: {error}'
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    with os.fdopen(reader) as file:
        return file.read()


def run_as_nobody(write):
    """Run a function in a fork without a superuser's rights; return its error."""

    def step_down_and_write():
        if os.getuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        write()

    return run_in_fork(step_down_and_write)


@pytest.fixture
def public_folder():
    """A folder that others can reach, as those of pytest cannot be."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture
def forbidden(public_folder):
    """A folder that nobody may write to, its owner neither."""
    folder = public_folder / 'forbidden'
    folder.mkdir()
    (folder / 'a.txt').write_text('old')
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


@pytest.mark.parametrize('name', ['a.txt', 'b.txt', 'deep/c.txt'])
def test_place_without_permission_is_named(forbidden, name):
    path = forbidden / name
    said = run_as_nobody(lambda: replace_text(path, 'new'))
    assert said.startswith(f'OutputError: {str(path)!r} cannot be written: Permission')
    assert 'choose a writable place, or change its permissions' in said
    assert read_folder(forbidden) == {'a.txt': b'old'}


def test_read_only_file_in_a_free_folder_is_left_alone(public_folder):
    folder = public_folder / 'free'
    folder.mkdir()
    folder.chmod(0o777)
    path = folder / 'a.txt'
    path.write_text('old')
    path.chmod(0o444)
    said = run_as_nobody(lambda: replace_text(path, 'new'))
    assert said.startswith(f'OutputError: {str(path)!r} cannot be written: Permission')
    assert read_folder(folder) == {'a.txt': b'old'}


def test_read_only_disk_is_named(tmp_path):
    with small_disk(tmp_path / 'disk', 1 << 16) as disk:
        (disk / 'a.txt').write_text('old')
        subprocess.run(['mount', '-o', 'remount,ro', str(disk)], check=True)
        with pytest.raises(OutputError, match='Read-only file system'):
            replace_text(disk / 'a.txt', 'new')
        assert read_folder(disk) == {'a.txt': b'old'}
