r"""Text out of file names, shown so that it says what it is and does nothing else.

A name can hold what moves a terminal's cursor, what turns the order of letters round,
or bytes that are no text. Such characters are shown as Python writes them: \x1b.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from typing import Any

# Controls but tab and line break; marks and embeddings of direction; halves of
# characters, which stand for bytes that are no UTF-8.
_UNPRINTABLE = re.compile(
    '[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff'
    '\ud800-\udfff]'
)
_BREAKS = re.compile('[\t\n]')
# What a spreadsheet takes for the begin of a formula, in both widths of letters; a '
# before it says that it is none, and one more that the first belongs to the text.
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def show_text(text: str) -> str:
    """Give a text of one or several lines without what a reader cannot see."""
    return _UNPRINTABLE.sub(_escape, text)


def show_name(text: str) -> str:
    """Give a name as one line without what a reader cannot see."""
    return _BREAKS.sub(_escape, show_text(text))


def hide_folders(text: str, *folders: str | os.PathLike[str]) -> str:
    """Give a message with the paths in these folders relative to them.

    A message that is kept, or shown to others, tells nothing of this machine.
    """
    for folder in folders:
        text = text.replace(f'{os.fspath(folder)}{os.sep}', '')
    return text


def show_log_record(record: logging.LogRecord) -> bool:
    """Show the text of a log's line so; a filter that lets every line through."""
    record.msg, record.args = show_text(record.getMessage()), ()
    return True


def _escape(match: re.Match[str]) -> str:
    return match[0].encode('unicode_escape', 'surrogatepass').decode()


def guard_cells(row: Sequence[Any]) -> list[Any]:
    """Put a ' before each text of a table's row that a spreadsheet would compute.

    Numbers stay as they are. `unguard_cell` gives a text back.
    """
    return [
        f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell
        for cell in row
    ]


def unguard_cell(text: str) -> str:
    """Undo what `guard_cells` did to a text."""
    is_guarded = text.startswith("'") and _FORMULA.match(text)
    return text[1:] if is_guarded else text
