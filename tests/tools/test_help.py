"""What `--help` of every tool says."""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
import sys
from pathlib import Path

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


# What a tool reads may stand without an option; what it writes is --out.
INPUTS = {
    'CHECKPOINT', 'CONFIG', 'DATASET', 'INPUT', 'JSON', 'MANIFEST', 'MODEL',
    'PREDICTIONS.csv', 'ROOT', 'TABLE.csv', 'VIDEO', 'WORK_DIR',
}  # fmt: skip
# Options that take several values in one tool and one in another, by design.
OF_SEVERAL_KINDS = {
    '--data-root',  # evaluate.py has several sets
    '--on',
    '--model',  # figure 4 has several models
    '--resume',  # MMAction2's in train.py
}


def test_the_same_thing_has_the_same_name_in_all_tools(monkeypatch):
    kinds = {}
    for name in TOOLS:
        for parser in walk(find_parser(name, monkeypatch)):
            for action in parser._actions:
                if isinstance(action, argparse._SubParsersAction):
                    continue
                if not action.option_strings:
                    assert (action.metavar or action.dest.upper()) in INPUTS, name
                    continue
                option = action.option_strings[0]
                kind = (type(action).__name__, action.nargs, action.type)
                # Paths are text.
                kind = tuple(None if part is Path else part for part in kind)
                kinds.setdefault(option, {}).setdefault(kind, []).append(name)
                if option == '--out':
                    assert action.metavar.startswith(('FOLDER', 'FILE')), name
    varied = {option for option, found in kinds.items() if len(found) > 1}
    assert {option: kinds[option] for option in varied - OF_SEVERAL_KINDS} == {}


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
            argparse.ArgumentParser.parse_args(parser, words[2:])
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


@pytest.mark.parametrize('name', TOOLS)
def test_a_tool_names_functions_that_exist(name):
    text = (ROOT / f'tools/{name}.py').read_text()
    for module, function in re.findall(r"'(mmdeepfake\.[\w.]+):(\w+)'", text):
        source = (ROOT / module.replace('.', '/')).with_suffix('.py').read_text()
        assert f'\ndef {function}(' in source
