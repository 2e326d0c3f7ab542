"""Self-contained HTML pages made from `templates/`.

Images are embedded, and the page's policy forbids everything else, including scripts;
the table of many videos names its one script, which sorts it, by hash.
All text is escaped: names of files, videos and manipulations come from others.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mmdeepfake.files.printable_text import show_text


@dataclass(frozen=True)
class PageTable:
    """A table of plain text, with notes below it."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def render_page(template: str, **values: Any) -> str:
    """Render a template; all text is escaped and made printable."""
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
    environment.filters['sha256'] = lambda text: base64.b64encode(
        hashlib.sha256(text.encode()).digest()
    ).decode()
    environment.filters['base64'] = lambda png: base64.b64encode(png).decode()
    return environment


def _show(value: Any) -> Any:
    is_plain = isinstance(value, str) and not isinstance(value, Markup)
    return show_text(value) if is_plain else value
