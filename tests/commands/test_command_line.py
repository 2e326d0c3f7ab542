import argparse
import errno
import gc
import os
import re
import threading
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch._utils import ExceptionWrapper

from mmdeepfake.commands import command_line
from mmdeepfake.commands.command_line import (
    add_run_arguments,
    apply_run_arguments,
    input_error_message,
    run_tool,
)
from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.checkpoint_reading import TRUST_VARIABLE
from mmdeepfake.registry import MODELS


def parse(*words):
    parser = argparse.ArgumentParser()
    parser.add_argument('--config', default='configs/x.py')
    add_run_arguments(parser)
    return parser.parse_args(words)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch):
    monkeypatch.setattr(os, 'environ', dict(os.environ))
    for name in ('RANK', TRUST_VARIABLE, command_line.TRACEBACK_VARIABLE):
        os.environ.pop(name, None)


def raise_input_error(args):
    raise DataError('video x is empty: copy it again')


def test_input_error_is_one_line_and_code_2(capsys):
    assert run_tool(raise_input_error, SimpleNamespace(traceback=False)) == 2
    assert capsys.readouterr().err == 'error: video x is empty: copy it again\n'


@pytest.mark.parametrize('by_variable', [True, False])
def test_traceback_is_shown_on_request(capsys, by_variable):
    if by_variable:
        os.environ[command_line.TRACEBACK_VARIABLE] = '1'
    assert run_tool(raise_input_error, SimpleNamespace(traceback=not by_variable)) == 2
    assert 'in raise_input_error' in capsys.readouterr().err


def test_other_errors_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        run_tool(lambda args: 1 / 0, None)


class Part:
    def __init__(self, size=1):
        if size == 2:
            dict(size=1, **{'size': 2})


def build(**cfg):
    init_default_scope('mmaction')
    return run_tool(lambda args: MODELS.build(cfg), None)


@pytest.mark.parametrize(
    ('cfg', 'named', 'hint'),
    [
        ({'type': 'RATFNett'}, "model type, 'RATFNett'", "did you mean 'RATFNet'?"),
        ({'type': 'Qqqq'}, "'Qqqq'", 'custom_imports'),
        ({'type': Part, 'sise': 2}, "Part in the config.*'sise'", "mean 'size'?"),
        ({'type': Part, 'colour': 2}, "'colour'", 'it takes size'),
    ],
)
def test_name_that_a_config_misspells_is_one_line(capsys, cfg, named, hint):
    assert build(**cfg) == 2
    printed = capsys.readouterr().err
    assert re.search(named, printed) and hint in printed and printed.count('\n') == 1


def test_faults_of_the_code_keep_their_traceback():
    with pytest.raises(TypeError):
        build(type=Part, size=2)
    with pytest.raises(KeyError):
        run_tool(lambda args: {}['x'], None)
    with pytest.raises(TypeError):
        run_tool(lambda args: Part(sise=1), None)


def test_wrong_command_line_is_one_line(capsys):
    parser = command_line.ToolParser(prog='x')
    parser.add_argument('--out', required=True)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([])
    printed = capsys.readouterr().err
    assert ended.value.code == 2 and printed.count('\n') == 1
    assert '--out' in printed and 'x --help' in printed


def test_garbage_is_collected_but_for_the_imports_of_a_tool(tmp_path, monkeypatch):
    text = """
import gc
seen = [gc.isenabled()]
def main(args):
    args += [*seen, gc.isenabled()]
    return 3
"""
    (tmp_path / 'slow_module.py').write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    command_line.ToolParser(prog='x').parse_args([])
    assert gc.isenabled()
    noted = []
    assert run_tool('slow_module:main', noted) == 3
    assert noted == [False, True]


@pytest.mark.parametrize(
    ('error', 'message'),
    [
        (
            OSError(errno.ENOSPC, 'full'),
            'error: a file cannot be read or written: No space left on device; free '
            'some space, then run the same command again\n',
        ),
        (
            PermissionError(errno.EACCES, 'no', 'out/a.csv'),
            "error: 'out/a.csv' cannot be read or written: Permission denied; choose a "
            'writable place, or change its permissions\n',
        ),
    ],
)
def test_error_of_the_disk_is_one_line_too(capsys, error, message):
    def fail(args):
        raise error

    assert run_tool(fail, None) == 2
    assert capsys.readouterr().err == message


def test_missing_file_that_nobody_explained_keeps_its_traceback():
    with pytest.raises(FileNotFoundError):
        run_tool(lambda args: open('/none/at/all'), None)


def test_full_disk_of_a_thread_is_a_warning(capsys):
    def fill(args):
        with open('/dev/full', 'wb', buffering=0) as full:
            full.write(b'x')

    def in_thread(function):
        thread = threading.Thread(target=function, args=(None,))
        thread.start()
        thread.join()

    before = threading.excepthook
    assert run_tool(lambda args: in_thread(fill), None) == 0
    assert threading.excepthook is before
    assert capsys.readouterr().err.startswith('warning: a file cannot be read or')


def test_first_of_several_processes_speaks_first(monkeypatch, capsys):
    waits = []
    monkeypatch.setattr(command_line.time, 'sleep', waits.append)
    os.environ['RANK'] = '0'
    run_tool(raise_input_error, None)
    assert not waits
    os.environ['RANK'] = '1'
    run_tool(raise_input_error, None)
    assert waits == [2]


@pytest.mark.parametrize(
    'message',
    [
        'video 3 is gone:\nput it back',
        'video 3 is torn, decord says:\nDECORDError: no frame\ncopy it again',
    ],
)
def test_error_of_a_worker_is_given_without_its_traceback(message):
    try:
        try:
            raise ValueError('no frame')
        except ValueError as error:
            raise DataNotFoundError(message) from error
    except DataNotFoundError:
        # What a DataLoader's worker sends and its main process raises.
        wrapped = ExceptionWrapper(where='in DataLoader worker process 0')
    with pytest.raises(DataNotFoundError) as caught:
        wrapped.reraise()
    assert 'Traceback' in str(caught.value)
    assert input_error_message(caught.value) == message


def test_option_without_value_is_refused(capsys):
    with pytest.raises(SystemExit):
        parse('--cfg-options', 'a=1', 'b')
    assert '--cfg-options b: expected key=value' in capsys.readouterr().err


def test_options_are_parsed_as_mmengine_does():
    options = parse('--cfg-options', "methods=['FaceSwap']", 'a.b=1').cfg_options
    assert options == {'methods': ['FaceSwap'], 'a.b': 1}


@pytest.mark.parametrize(
    ('words', 'in_config', 'expected'),
    [
        ((), None, 'work_dirs/x'),
        ((), 'mine', 'mine'),
        (('--work-dir', 'other'), 'mine', 'other'),
    ],
)
def test_work_folder_is_the_first_that_is_given(words, in_config, expected):
    cfg = Config({'work_dir': in_config})
    apply_run_arguments(cfg, parse(*words))
    assert cfg.work_dir == expected


def test_trust_reaches_every_process_through_the_environment():
    apply_run_arguments(Config({}), parse())
    assert TRUST_VARIABLE not in os.environ
    apply_run_arguments(Config({}), parse('--trust-checkpoint'))
    assert os.environ[TRUST_VARIABLE] == '1'


def test_local_rank_of_torchrun_is_kept():
    os.environ['LOCAL_RANK'] = '3'
    apply_run_arguments(Config({}), parse('--local-rank', '1'))
    assert os.environ['LOCAL_RANK'] == '3'


def test_missing_extra_is_one_line_with_the_command(capsys):
    def write_curves(_):
        try:
            raise ModuleNotFoundError(name='tensorboard.compat')
        except ImportError:
            raise ImportError('Please run "pip install future"') from None  # MMEngine's

    assert run_tool(write_curves, SimpleNamespace(traceback=False)) == 2
    expected = "error: tensorboard is missing: pip install 'mmdeepfake[tensorboard]'\n"
    assert capsys.readouterr().err == expected


def test_missing_module_of_no_extra_keeps_its_traceback():
    with pytest.raises(ModuleNotFoundError):
        run_tool(lambda _: __import__('no_such_module'), None)


@pytest.mark.parametrize(('given', 'expected'), [(None, 'PASSIVE'), ('ACTIVE',) * 2])
def test_waiting_threads_sleep_unless_told_otherwise(monkeypatch, given, expected):
    monkeypatch.setenv('OMP_WAIT_POLICY', given or '')
    if given is None:
        monkeypatch.delenv('OMP_WAIT_POLICY')
    command_line.wait_passively()
    assert os.environ['OMP_WAIT_POLICY'] == expected
