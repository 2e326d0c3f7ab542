"""Tables as CSV that is read back as it was written, whatever the texts in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any


def format_csv(rows: Iterable[Sequence[Any]]) -> str:
    r"""Write rows with commas between cells, each ended by '\n'.

    `csv.writer` quotes a line break only if it stands in its own end of a line, so that
    a '\r' in the name of a file would begin a row.
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
