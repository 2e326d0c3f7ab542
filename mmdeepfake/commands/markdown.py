"""Markdown tables whose texts are escaped."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence

from mmdeepfake.files.printable_text import show_text

# Special characters; underscores within words and plain brackets need no escape.
_SIGNS = re.compile(r'[\\`*<>|]|(?<!\w)_|_(?!\w)|\](?=[(\[:])')


def plain(text: str) -> str:
    """Escape Markdown and HTML in a text and put it on one line."""
    return ' '.join(_SIGNS.sub(r'\\\g<0>', show_text(text)).split())


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format texts as a table; all columns but the first are right-aligned."""
    lines = [header, ['---', *['---:'] * (len(header) - 1)]]
    lines += [[plain(text) for text in row] for row in rows]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def spread(values: Sequence[float], *, digits: int) -> str:
    """Format '0.98 ± 0.01', mean and sample standard deviation; '-' for no value."""
    if not values:
        return '-'
    mean = f'{statistics.fmean(values):.{digits}f}'
    if len(values) == 1:
        return mean
    return f'{mean} ± {statistics.stdev(values):.{digits}f}'
