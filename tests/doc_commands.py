"""Read the commands of the Markdown pages and check that the tools accept them."""

from __future__ import annotations

import argparse
import functools
import re
import runpy
import shlex
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from tool_runs import ROOT

STARTS = ('python tools/', 'make', 'pip ', 'mim ', 'tools/', 'srun ', 'sbatch ')
NEEDS = '*Needs: '
PAGES = [
    ROOT / 'README.md',
    *sorted((ROOT / 'docs').glob('*.md')),
    *sorted((ROOT / 'configs').glob('*/README.md')),
]


@dataclass(frozen=True)
class Command:
    """A command of a page.

    Attributes:
        page: path of the page from the root.
        line: where it stands, from 1.
        text: without its comment, continued lines joined.
        needs: whether the reader is told what it cannot run without.
    """

    page: str
    line: int
    text: str
    needs: bool

    def __str__(self) -> str:
        return f'{self.page}:{self.line}: {self.text}'

    @property
    def words(self) -> list[str]:
        """The words that a shell would make, options in brackets among them."""
        # What may be left out must be right as well: 'a [--b C]' is read as 'a --b C'.
        text = re.sub(r'\[(--[^\]]*)\]', r'\1', self.text)
        return [word for word in shlex.split(text) if word != '...']


def read_commands(path: Path) -> list[Command]:
    """Return the commands of a page's blocks of code, indented or fenced.

    A paragraph `*Needs: ...*` holds up to the next heading, one before the first
    section for the whole page.
    """
    page = str(path.relative_to(ROOT))
    lines = path.read_text(encoding='utf-8').splitlines()
    commands: list[Command] = []
    page_needs = section_needs = False
    in_section = in_python = in_fence = False
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if line.startswith('```'):
            in_fence, in_python = not in_fence, 'python' in line
        elif in_fence or line.startswith('    '):
            first, text = number, line.strip()
            while text.endswith('\\') and number < len(lines):
                text = f'{text[:-1].strip()} {lines[number].strip()}'
                number += 1
            text = re.sub(r'\s+# .*$', '', text)
            if text.startswith(STARTS) and not (in_fence and in_python):
                needs = page_needs or section_needs
                commands.append(Command(page, first, text, needs))
        elif line.startswith('#'):
            in_section, section_needs = line.startswith('##'), False
        elif line.startswith(NEEDS):
            section_needs = True
            page_needs |= not in_section
    return commands


def read_inline_commands(path: Path) -> list[Command]:
    """Return the commands with arguments that stand within the text of a page."""
    page = str(path.relative_to(ROOT))
    found = []
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        for text in re.findall(r'`(python tools/[^`]+ [^`]+)`', line):
            found.append(Command(page, number, text, needs=True))
    return found


class _FoundParser(Exception):
    pass


@functools.cache
def parser_of(tool: str) -> argparse.ArgumentParser:
    """The parser of a tool, whose arguments take any value of the right number."""
    path = ROOT / tool

    def hand_over(parser: argparse.ArgumentParser, *_: object) -> None:
        raise _FoundParser(parser)

    with mock.patch.object(argparse.ArgumentParser, 'parse_args', hand_over):
        names = runpy.run_path(str(path))
        try:
            (names.get('parse_args') or names['main'])()
        except _FoundParser as found:
            parser = found.args[0]
            _loosen(parser)
            return parser
    raise AssertionError(f'{tool} reads no command line')


class _Placeholders(tuple):
    """Choices that also take words in capitals, which the reader fills in."""

    def __contains__(self, word: object) -> bool:
        return super().__contains__(word) or bool(re.fullmatch('[A-Z_/]+', str(word)))


def _loosen(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                _loosen(child)
            continue
        if action.choices is not None:
            action.choices = _Placeholders(map(str, action.choices))
        action.type = None


def complain(command: Command) -> str:
    """Return what is wrong with a command; '' if a reader could type it."""
    words = command.words
    if words[0] == 'srun':
        words = words[words.index('python') :]
    missing = [
        word
        for word in words
        if re.match(r'(?:configs|tools)/', word) and not _exists(word)
    ]
    if missing:
        return f'not there: {", ".join(missing)}'
    if words[0] == 'make':
        return _complain_of_make(words[1:])
    if words[:2] == ['pip', 'install']:
        return _complain_of_pip(words[2:])
    if words[0] == 'python':
        return _complain_of_tool(words[1], words[2:])
    return '' if words[0].startswith('tools/') or words[0] == 'mim' else 'unknown'


def _exists(word: str) -> bool:
    return any(ROOT.glob(word)) if '*' in word else (ROOT / word).exists()


def _complain_of_make(words: list[str]) -> str:
    makefile = (ROOT / 'Makefile').read_text(encoding='utf-8')
    for word in words:
        name, is_variable, _ = word.partition('=')
        pattern = rf'^{re.escape(name)} \?=' if is_variable else rf'^{re.escape(name)}:'
        if not re.search(pattern, makefile, flags=re.MULTILINE):
            return f'the Makefile has no {name}'
    return ''


def _complain_of_pip(words: list[str]) -> str:
    setup = (ROOT / 'setup.py').read_text(encoding='utf-8')
    for word in words:
        extras = re.fullmatch(r'\.\[(.*)\]', word)
        for extra in extras[1].split(',') if extras else ():
            if f"'{extra}':" not in setup:
                return f'setup.py has no extra {extra}'
    return ''


def _complain_of_tool(tool: str, words: list[str]) -> str:
    if tool.endswith('check_env.py'):
        return '' if not words else 'check_env.py takes no arguments'
    parser = parser_of(tool)

    def refuse(message: str) -> None:
        raise ValueError(message)

    with mock.patch.object(type(parser), 'error', lambda _, message: refuse(message)):
        try:
            parser.parse_args(words)
        except ValueError as error:
            return str(error)
        except SystemExit:  # --help, or an action that prints and leaves
            return ''
    return ''
