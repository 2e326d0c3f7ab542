"""The console command `mmdeepfake`."""

import os
import subprocess
import sys

import pytest
from tool_runs import ROOT

from mmdeepfake import __main__ as command
from mmdeepfake.commands.command_line import EXIT_BROKEN_PIPE
from mmdeepfake.version import __version__


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, 'argv', ['mmdeepfake', *words])
    monkeypatch.setattr(sys, 'path', [*sys.path])  # the tools add to it
    return command.main()


def test_every_tool_is_listed_with_what_it_does(monkeypatch, capsys):
    assert run(monkeypatch) == 0
    printed = capsys.readouterr().out
    tools = {path.stem for path in ROOT.glob('tools/*.py')} - {'start_processes'}
    assert tools | {'serve'} == set(command.find_tools())
    for name in tools:
        assert f'    {name} ' in printed


def test_unknown_tool_is_one_line_with_the_list(monkeypatch, capsys):
    assert run(monkeypatch, 'trian') == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "'trian'; did you mean 'train'?" in line
    assert all(name in line for name in command.find_tools())


def test_version_is_printed(monkeypatch, capsys):
    assert run(monkeypatch, '--version') == 0
    assert capsys.readouterr().out == f'{__version__}\n'


@pytest.mark.parametrize('name', ['train', 'serve'])
def test_help_names_the_command(name, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, name, '--help')
    assert capsys.readouterr().out.startswith(f'usage: mmdeepfake {name} ')


def test_code_of_a_tool_is_that_of_the_command(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, 'validate', 'missing.jsonl') == 2
    assert 'missing.jsonl' in capsys.readouterr().err


@pytest.mark.parametrize('words', [['--help'], ['train', '--help']])
@pytest.mark.parametrize('unbuffered', ['', '1'])
def test_reader_that_ends_early_makes_no_traceback(words, unbuffered):
    process = subprocess.Popen(
        [sys.executable, '-m', 'mmdeepfake', *words],
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'PYTHONUNBUFFERED': unbuffered},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    assert process.stderr.read() == b''
    assert process.wait() in (0, EXIT_BROKEN_PIPE)
    process.stderr.close()
