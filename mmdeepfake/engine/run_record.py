"""The facts of a run in its work folder, `run.json`, by phase."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any, TypedDict

from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.files.bounded_reading import load_json

RECORD = 'run.json'
CONFIG_SHA256 = 'config_sha256'  # of the config in the work folder
USAGE = 'basis_usage'
MIN_SHARE = 0.01  # ours; below it a basis counts as not in use


class Usage(TypedDict):
    """Which basis filters of one RATF have the greatest weight somewhere.

    `in_use` of `num_basis` rule more than 1% of all positions; `largest_share` of the
    positions has the one that rules most.
    """

    in_use: int
    num_basis: int
    largest_share: float


def describe_usage(usage: Mapping[str, Usage]) -> str:
    """Return the usage as one line of text, layer by layer."""
    layers = (
        f'{name.removeprefix("backbone.").removesuffix(".temporal")} '
        f'{one["in_use"]} of {one["num_basis"]} ({one["largest_share"]:.0%})'
        for name, one in usage.items()
    )
    return (
        f'Basis filters that rule over {MIN_SHARE:.0%} of the positions, and the '
        f'largest share: {", ".join(layers)}'
    )


def write_entry(path: pathlib.Path, phase: str, facts: Mapping) -> None:
    """Put one phase into the JSON file, whole or not at all."""
    _write_entries(path, {**read_entries(path), phase: facts})


def add_facts(path: pathlib.Path, phase: str, facts: Mapping) -> None:
    """Add facts to one phase of the file, in place of earlier ones of their names."""
    entries = read_entries(path)
    _write_entries(path, {**entries, phase: {**entries.get(phase, {}), **facts}})


def read_entries(path: pathlib.Path) -> dict[str, Any]:
    """Read all phases of the file; empty if it is missing or invalid."""
    try:
        entries = load_json(path, allow_nan=True)
    except (FileNotFoundError, ValueError):
        return {}
    return entries if isinstance(entries, dict) else {}


def _write_entries(path: pathlib.Path, entries: Mapping) -> None:
    replace_text(path, json.dumps(entries, indent=2, default=str) + '\n')
