"""CSV text that reads back as written, whatever its cells hold."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any


def format_csv(rows: Iterable[Sequence[Any]]) -> str:
    r"""Return rows as comma-separated lines ending in '\n'.

    `csv.writer` quotes only its own line terminator, so with '\n' a '\r' in a file name
    would start a new row.
    """
    buffer = io.StringIO(newline='')
    writer = csv.writer(buffer, lineterminator='\r\n')
    lines = []
    for row in rows:
        writer.writerow(row)
        lines.append(f'{buffer.getvalue()[:-2]}\n')
        buffer.seek(0)
        buffer.truncate()
    return ''.join(lines)
