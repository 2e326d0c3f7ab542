"""Tables of figures in Markdown, with nothing in them read as Markdown or HTML."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence

from mmdeepfake.files.printable_text import show_text

# Signs of Markdown and HTML; within a word, or with no link behind, some mean nothing.
_SIGNS = re.compile(r'[\\`*<>|]|(?<!\w)_|_(?!\w)|\](?=[(\[:])')


def plain(text: str) -> str:
    """Keep a text from being read as Markdown or HTML, and on one line."""
    return ' '.join(_SIGNS.sub(r'\\\g<0>', show_text(text)).split())


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out texts as a table; the first column is one of names."""
    lines = [header, ['---', *['---:'] * (len(header) - 1)]]
    lines += [[plain(text) for text in row] for row in rows]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def spread(values: Sequence[float], *, digits: int) -> str:
    """Give '0.98 ± 0.01', mean and sample standard deviation; '-' for no value."""
    if not values:
        return '-'
    mean = f'{statistics.fmean(values):.{digits}f}'
    if len(values) == 1:
        return mean
    return f'{mean} ± {statistics.stdev(values):.{digits}f}'
