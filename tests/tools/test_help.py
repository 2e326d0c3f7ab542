"""What `--help` of every tool says."""

from __future__ import annotations

import argparse
import runpy
import shlex
import sys

import pytest
from tool_runs import ROOT

from mmdeepfake.commands.command_line import ToolParser

# torchrun's own parser; no arguments.
OTHERS = {'start_processes', 'check_env'}
TOOLS = sorted({path.stem for path in ROOT.glob('tools/*.py')} - OTHERS)


class Parsed(Exception):
    """Raised with the parser where a tool would read its command line."""


def find_parser(name, monkeypatch):
    def stop(parser, *_):
        raise Parsed(parser)

    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', stop)
    monkeypatch.setattr(sys, 'argv', [f'{name}.py'])
    with pytest.raises(Parsed) as caught:
        runpy.run_path(str(ROOT / f'tools/{name}.py'))['main']()
    return caught.value.args[0]


def walk(parser):
    """Yield a parser and those of its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                yield from walk(one)


@pytest.mark.parametrize('name', TOOLS)
def test_every_option_has_help_and_every_tool_an_example(name, monkeypatch):
    parser = find_parser(name, monkeypatch)
    assert isinstance(parser, ToolParser)
    assert f'python tools/{name}.py' in parser.format_help()
    monkeypatch.undo()
    if parser.epilog:
        words = shlex.split(parser.epilog.splitlines()[1])
        assert words[:2] == ['python', f'tools/{name}.py']
        try:
            parser.parse_args(words[2:])
        except SystemExit as ended:
            assert ended.code == 0 and '--help' in words
    for one in walk(parser):
        silent = [
            action.option_strings or action.dest
            for action in one._actions
            if not action.help and not isinstance(action, argparse._SubParsersAction)
        ]
        assert not silent
        text = ' '.join(one.format_help().split())
        assert ' by default' not in text and 'default:' not in text


@pytest.mark.parametrize(
    ('default', 'shown'),
    [(0, 'n (0)'), (1.50, 'n (1.5)'), ('x', 'n (x)'), ([1, 2], 'n (1 2)'), (None, 'n')],
)
def test_default_is_in_brackets(default, shown):
    parser = ToolParser(prog='x')
    parser.add_argument('--number', default=default, help='n')
    assert parser.format_help().endswith(f'{shown}\n')


def test_near_choice_is_suggested(capsys):
    parser = ToolParser(prog='x')
    parser.add_argument('set', choices=['celeb_df', 'ffpp'])
    with pytest.raises(SystemExit):
        parser.parse_args(['celebdf'])
    assert "did you mean 'celeb_df'?" in capsys.readouterr().err
