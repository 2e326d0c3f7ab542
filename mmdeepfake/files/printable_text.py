r"""Escaping of untrusted text, such as file names, for terminals, logs and tables.

A name may hold terminal control codes, characters that change the text direction, or
bytes that are not text. They are shown as Python escapes: \x1b.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from typing import Any

# Controls except tab and line break; direction marks and embeddings; surrogates, which
# stand for bytes that are not UTF-8.
_UNPRINTABLE = re.compile(
    '[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff'
    '\ud800-\udfff]'
)
_BREAKS = re.compile('[\t\n]')
# What a spreadsheet takes for the start of a formula, also in full-width characters. A
# leading ' marks it as text; text that itself begins with ' gets one more.
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def show_text(text: str) -> str:
    """Return a text with invisible characters escaped; line breaks stay."""
    return _UNPRINTABLE.sub(_escape, text)


def show_name(text: str) -> str:
    """Return a name on one line with invisible characters escaped."""
    return _BREAKS.sub(_escape, show_text(text))


def count_noun(number: int, noun: str) -> str:
    """Return a number with a noun, in the plural unless it is 1: '2 videos'."""
    return f'{number} {noun}' if number == 1 else f'{number} {noun}s'


def hide_folders(text: str, *folders: str | os.PathLike[str]) -> str:
    """Return a message in which paths inside these folders are relative.

    Messages that are stored or shown to others then reveal no paths of this machine.
    """
    for folder in folders:
        text = text.replace(f'{os.fspath(folder)}{os.sep}', '')
    return text


def show_log_record(record: logging.LogRecord) -> bool:
    """Escape a log record's text; a logging filter that passes every record."""
    record.msg, record.args = show_text(record.getMessage()), ()
    return True


def _escape(match: re.Match[str]) -> str:
    return match[0].encode('unicode_escape', 'surrogatepass').decode()


def guard_cells(row: Sequence[Any]) -> list[Any]:
    """Prefix each string of a row that a spreadsheet would take for a formula with '.

    Numbers are unchanged. `unguard_cell` reverses it.
    """
    return [
        f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell
        for cell in row
    ]


def unguard_cell(text: str) -> str:
    """Undo `guard_cells` for one string."""
    is_guarded = text.startswith("'") and _FORMULA.match(text)
    return text[1:] if is_guarded else text
