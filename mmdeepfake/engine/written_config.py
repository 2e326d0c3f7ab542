"""Configs written by runs: find the one of a checkpoint, or read one as data.

A config is Python that MMEngine executes. Files that the user did not name are executed
only if a run of ours wrote them.
"""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.files.bounded_reading import load_json
from mmdeepfake.files.checkpoint_reading import read_checkpoint_file

from .run_record import CONFIG_SHA256, RECORD

_WEIGHTS = ('.pth', '.pt')


def find_config(checkpoint: str | os.PathLike[str]) -> Path:
    """Find the config that a run of ours wrote next to a checkpoint.

    Its SHA-256 must be in `run.json`, or its text in the checkpoint.

    Raises:
        DataNotFoundError: the checkpoint does not exist.
        ConfigError: the config is missing or ambiguous.
    """
    checkpoint = Path(checkpoint)
    if not checkpoint.is_file():
        raise DataNotFoundError(f'no such checkpoint file: {checkpoint}')
    files = {
        hashlib.sha256(path.read_bytes()).hexdigest(): path
        for path in sorted(checkpoint.parent.glob('*.py'))
    }
    for known in _recorded_hashes(checkpoint) if files else ():
        found = sorted(files[sha256] for sha256 in known & files.keys())
        if len(found) == 1:
            return found[0]
    names = ', '.join(path.name for path in files.values()) or 'no .py file'
    raise ConfigError(
        f'no config given, and no config of its training next to checkpoint '
        f'{str(checkpoint)!r} ({names}): set --config'
    )


def _recorded_hashes(checkpoint: Path) -> Iterator[set[str]]:
    """Yield the SHA-256 of the configs in `run.json`, then in the checkpoint."""
    try:
        entries = load_json(checkpoint.with_name(RECORD), allow_nan=True)
        yield {str(entry[CONFIG_SHA256]) for entry in entries.values()}
    except (OSError, ValueError, AttributeError, TypeError, KeyError):
        pass  # not a record of ours
    if checkpoint.suffix in _WEIGHTS:
        loaded = read_checkpoint_file(
            str(checkpoint), str(checkpoint), map_location='cpu'
        )
        meta = loaded.get('meta') if isinstance(loaded, dict) else None
        text = meta.get('cfg') if isinstance(meta, dict) else None
        yield {hashlib.sha256(str(text).encode()).hexdigest()}


def read_written_config(path: Path) -> Config:
    """Read a config that a run wrote, without executing it.

    MMEngine writes only assignments of plain values.

    Raises:
        DataNotFoundError: the file is missing.
        DataError: it has anything else.
    """
    if not path.is_file():
        raise DataNotFoundError(f'no such config file: {path}')
    try:
        tree = ast.parse(path.read_text(encoding='utf-8'))
        values = {_name(line): _value(line.value) for line in tree.body}
    except (SyntaxError, ValueError, AttributeError, RecursionError) as error:
        raise DataError(
            f'{path} is not a config written by a run (plain values only): {error}'
        ) from None
    return Config(values, filename=str(path))


def _name(line: ast.stmt) -> str:
    match line:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
    raise ValueError(f'line {line.lineno}: {ast.unparse(line)[:60]}')


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Call(func=ast.Name(id='dict'), args=[], keywords=words):
            if all(word.arg for word in words):
                return {word.arg: _value(word.value) for word in words}
        case ast.Call(
            func=ast.Name(id='dict'), args=[ast.Dict() as inner], keywords=[]
        ):
            return _value(inner)
        case ast.Dict(keys=keys, values=values):
            return {_value(k): _value(v) for k, v in zip(keys, values, strict=True)}
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_value(item) for item in items)
    return ast.literal_eval(node)
