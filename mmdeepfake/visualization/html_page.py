"""Pieces of HTML pages that load nothing from elsewhere.

Pictures lie inside the page, and its policy forbids everything else, scripts included.
All text is escaped: names of files, videos and manipulations are what others made them.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass

from mmdeepfake.files.printable_text import show_text

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 78em;
       padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: .8em 0; font-size: 13px; }
.wide { overflow-x: auto; }
th, td { border-bottom: 1px solid #ddd; padding: .25em .6em; text-align: left; }
th { border-bottom: 2px solid #888; }
td { white-space: nowrap; } td.text { white-space: normal; }
tr:hover { background: #f4f4f4; }
pre { background: #f6f6f6; padding: .6em; overflow-x: auto; font-size: 12px; }
img { max-width: 100%; vertical-align: top; }
h2 { margin-top: 2em; } h3 { margin-top: 1.6em; }
"""


@dataclass(frozen=True)
class PageTable:
    """A table of plain text.

    Attributes:
        title: what stands above it.
        header: one text a column.
        rows: one text a column each.
        notes: sentences below it.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def wrap_page(title: str, parts: Sequence[str], *, style: str = '') -> str:
    """Make a page of parts that are HTML already; `style` is CSS of its own."""
    head = [
        '<!DOCTYPE html>',
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape_text(_POLICY)}">',
        '<meta name="viewport" content="width=device-width">',
        f'<title>{escape_text(title)}</title><style>{_STYLE}{style}</style></head>'
        '<body>',
        f'<h1>{escape_text(title)}</h1>',
    ]
    return '\n'.join([*head, *parts, '</body></html>']) + '\n'


def escape_text(text: object) -> str:
    """Make text safe between tags and in quoted attributes, and show all of it."""
    return html.escape(show_text(str(text)), quote=True)


def format_list(texts: Sequence[str]) -> str:
    """Make a list with a dot before each text; nothing where there is none."""
    if not texts:
        return ''
    items = ''.join(f'<li>{escape_text(text)}</li>' for text in texts)
    return f'<ul>{items}</ul>'


def format_table(table: PageTable) -> str:
    """Make a table with its title above and its notes below."""
    header = ''.join(f'<th>{escape_text(text)}</th>' for text in table.header)
    body = ''.join('<tr>' + ''.join(map(_cell, row)) + '</tr>\n' for row in table.rows)
    return (
        f'<h2>{escape_text(table.title)}</h2>\n<div class="wide"><table><thead><tr>'
        f'{header}</tr></thead>\n<tbody>{body}</tbody></table></div>'
        f'{format_list(table.notes)}'
    )


def _cell(text: str) -> str:
    kind = ' class="text"' if len(text) > 60 else ''
    return f'<td{kind}>{escape_text(text)}</td>'


def format_facts(facts: Sequence[tuple[str, str]]) -> str:
    """Make a table of names and what they stand for."""
    rows = ''.join(
        f'<tr><th>{escape_text(name)}</th><td class="text">{escape_text(value)}</td>'
        '</tr>'
        for name, value in facts
    )
    return f'<table>{rows}</table>'


def format_picture(png: bytes, *, shows: str) -> str:
    """Put a PNG into the page; `shows` is read out to who cannot see it."""
    content = base64.b64encode(png).decode()
    return f'<img alt="{escape_text(shows)}" src="data:image/png;base64,{content}">'
