"""CSV text that reads back as written, and lists of others with columns of any name."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmdeepfake.errors import ConfigError, DataError

from .bounded_reading import read_lines, shorten
from .printable_text import count_noun

Row = dict[str | None, Any]
_NUM_SHOWN = 20  # invalid lines in a message


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


def parse_columns(pairs: Sequence[str], fields: Sequence[str]) -> dict[str, str]:
    """Parse `--columns FIELD=COLUMN ...`, which field is in which column of a file."""
    columns: dict[str, str] = {}
    for pair in pairs:
        field, _, column = pair.partition('=')
        if field not in fields or not column:
            raise ConfigError(
                f'--columns {pair}: expected FIELD=COLUMN; fields are '
                + ', '.join(fields)
            )
        for other, taken in columns.items():
            if field == other or column == taken:
                raise ConfigError(
                    f'--columns {pair}: {other}={taken} is given too; name each field '
                    'and each column once'
                )
        columns[field] = column
    return columns


def read_csv(
    path: Path, columns: Mapping[str, str] | None = None
) -> tuple[list[str], list[tuple[int, Row]]]:
    """Read the names of the columns and (line number, row) of each row.

    Commas, semicolons or tabs separate the fields. Too many fields of a row are under
    None, and missing ones are None, as in `csv.DictReader`.

    Args:
        path: the file, in UTF-8, with or without a byte order mark.
        columns: field -> column to rename to it, as of `parse_columns`.

    Raises:
        DataError: it is not CSV, or a renamed column is missing or doubled.
    """
    number = 0
    try:
        header = next(read_lines(path), '')
        comma = next((sign for sign in ',;\t' if sign in header), ',')
        text = read_lines(path, keep_ends=True)
        reader = csv.DictReader(text, delimiter=comma, strict=True)
        names = list(reader.fieldnames or ())
        for field, column in (columns or {}).items():
            if names.count(column) != 1:
                raise DataError(
                    f'{str(path)!r}, line 1: {names.count(column)} columns are named '
                    f'{column!r} (for {field}); the columns are {shorten(names)}'
                )
        fields = {column: field for field, column in (columns or {}).items()}
        # A column that another one replaces has no name.
        names = [fields.get(n, '' if n in fields.values() else n) for n in names]
        reader.fieldnames = names
        rows = []
        for row in reader:
            number = reader.line_num
            rows.append((number, row))
    except DataError:
        raise
    except (csv.Error, ValueError) as error:
        raise DataError(
            f'{str(path)!r}, after line {number}: not CSV in UTF-8: {error}'
        ) from error
    return names, rows


def refuse_lines(path: Path, errors: Sequence[str]) -> None:
    """Raise a `DataError` that counts invalid lines and lists the first 20, if any."""
    if errors:
        more = [f'and {len(errors) - _NUM_SHOWN} more'] if errors[_NUM_SHOWN:] else []
        listed = '\n'.join(f'  {text}' for text in [*errors[:_NUM_SHOWN], *more])
        raise DataError(
            f'{str(path)!r}: {count_noun(len(errors), "invalid line")}\n{listed}'
        )
