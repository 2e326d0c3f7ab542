"""HTML pages that load nothing from elsewhere, made from `templates/`.

Pictures lie inside the page, and its policy forbids everything else, scripts included.
All text is escaped: names of files, videos and manipulations are what others made them.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mmdeepfake.files.printable_text import show_text


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


def render_page(template: str, **values: Any) -> str:
    """Fill a template; every text among the values is escaped, and all of it shown."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        finalize=_show,
        keep_trailing_newline=True,
        loader=PackageLoader('mmdeepfake.visualization'),
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters['base64'] = lambda png: base64.b64encode(png).decode()
    return environment


def _show(value: Any) -> Any:
    is_plain = isinstance(value, str) and not isinstance(value, Markup)
    return show_text(value) if is_plain else value
