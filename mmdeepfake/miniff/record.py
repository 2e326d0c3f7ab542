"""The record of a set, miniff.json, which prevents mixing two sets."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.atomic_write import replace_json
from mmdeepfake.files.bounded_reading import load_json

from .settings import MiniFFSettings
from .video_jobs import FOLDERS, SETTINGS_NAME

RENDERER_VERSION = 4  # increased when the same settings give other frames


def read_settings(root: str | os.PathLike[str]) -> MiniFFSettings:
    """Read the settings of the set in a folder."""
    path = Path(root) / SETTINGS_NAME
    if not path.exists():
        raise DataNotFoundError(
            f'no {SETTINGS_NAME} in {root}: not the folder of a MiniFF set; '
            'tools/render_miniff.py renders one'
        )
    values = _read_record(path)['settings']
    unknown = values.keys() - MiniFFSettings.__dataclass_fields__.keys()
    if unknown:
        raise DataError(
            f'{path}: unknown settings {sorted(unknown)}, of another version of the '
            'renderer; render the set again with --overwrite'
        )
    return MiniFFSettings(**values)


def claim_folder(root: Path, settings: MiniFFSettings, *, overwrite: bool) -> None:
    """Make `root` the folder of these settings, or raise a `DataError`."""
    record_path = root / SETTINGS_NAME
    record = {'renderer_version': RENDERER_VERSION, 'settings': settings.to_dict()}
    if record_path.exists():
        found = _read_record(record_path)
        if found == record:
            return
        if not overwrite:
            raise DataError(
                f'{record_path} was rendered with other settings '
                f'({_describe_differences(found, record)}): use the same ones, another '
                'folder, or --overwrite to delete that set'
            )
        for folder in FOLDERS:
            shutil.rmtree(root / folder, ignore_errors=True)
    elif others := [name for name in FOLDERS if (root / name).exists()]:
        raise DataError(
            f'{root} holds {", ".join(others)} but no {SETTINGS_NAME}, so it was not '
            'written by this tool; use a new or an empty folder'
        )
    root.mkdir(parents=True, exist_ok=True)
    replace_json(record_path, record, alone=True)


def _read_record(path: Path) -> dict:
    try:
        record = load_json(path)
        if not isinstance(record, dict) or not isinstance(record['settings'], dict):
            raise KeyError('settings')
    except (ValueError, KeyError) as error:
        raise DataError(
            f'{path} is not the record of a MiniFF set ({error!r}): delete the folder '
            'or use another one'
        ) from error
    return record


def _describe_differences(found: dict, wanted: dict) -> str:
    """Return 'seed 1 there, 0 here; ...' for the values that differ."""
    there = found['settings'] | {'renderer_version': found.get('renderer_version')}
    here = wanted['settings'] | {'renderer_version': wanted['renderer_version']}
    return '; '.join(
        f'{name} {there.get(name)!r} there, {here.get(name)!r} here'
        for name in sorted(there.keys() | here.keys())
        if there.get(name) != here.get(name)
    )
