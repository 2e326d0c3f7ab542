"""Convert a checkpoint of public code to one of ours, accounting for every key."""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import importlib
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.registry import init_default_scope
from rich.console import Console
from torch import Tensor

from mmdeepfake.engine.build import load_config
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.files.atomic_write import replace_bytes
from mmdeepfake.files.checkpoint_reading import TRUST_VARIABLE, read_checkpoint_file
from mmdeepfake.files.package_folders import CONFIGS
from mmdeepfake.models.backbones.initial_weights import WEIGHT_KEYS
from mmdeepfake.models.conversion import ConversionReport, KeyRules, convert
from mmdeepfake.registry import MODELS
from mmdeepfake.version import __version__

from .public_codes import CONFIG_OF_CODE


def run_conversion(args: argparse.Namespace) -> None:
    """Convert a checkpoint by the command line."""
    if args.trust_checkpoint:
        os.environ[TRUST_VARIABLE] = '1'
    convert_file(
        args.checkpoint,
        args.out,
        load_rules(args.code),
        args.config or CONFIGS / CONFIG_OF_CODE[args.code],
        options=args.cfg_options,
        allow_missing=args.allow_missing,
        allow_unexpected=args.allow_unexpected,
    )


def load_rules(code: str) -> KeyRules:
    """Return the rules of a public code, a name in `CONFIG_OF_CODE`."""
    module = importlib.import_module(f'mmdeepfake.models.conversion.{code}')
    return module.RULES


def convert_file(
    source: str | Path,
    target: str | Path,
    rules: KeyRules,
    config: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
    allow_missing: Sequence[str] = (),
    allow_unexpected: Sequence[str] = (),
) -> ConversionReport:
    """Convert a checkpoint file and report every key.

    Args:
        source: file of the public code.
        target: file to write, atomically.
        rules: of the public code.
        config: config of ours whose model gets the weights.
        options: settings that replace those of the config.
        allow_missing: glob patterns of our keys that may get no tensor.
        allow_unexpected: glob patterns of public keys that may be unused.

    Raises:
        DataError: keys are missing or unexpected; nothing is written.
    """
    source, target = Path(source), Path(target)
    if target.exists() and source.exists() and target.samefile(source):
        raise ConfigError(f'{target} is the source checkpoint: name another file')
    weights = read_weights(source)
    cfg = load_config(config, options)
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    # Not initialised, which might download weights.
    expected = MODELS.build(cfg.model).state_dict()
    converted, report = convert(weights, rules, expected)
    print_conversion(report)
    check_conversion(
        report, source, allow_missing=allow_missing, allow_unexpected=allow_unexpected
    )
    meta = {
        'converted_from': rules.source,
        'source_file': source.name,
        'source_sha256': hashlib.sha256(source.read_bytes()).hexdigest(),
        'mmdeepfake_version': __version__,
        'cfg': cfg.pretty_text,
    }
    write_checkpoint(target, {'meta': meta, 'state_dict': converted})
    print(f'{len(converted)} tensors written to {target}')
    return report


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint: bare, under `WEIGHT_KEYS`, or of a module.

    A pickled module is read only if the user trusts the file.
    """
    if not path.is_file():
        raise DataNotFoundError(f'no such checkpoint file: {path}')
    found = _unpack(read_checkpoint_file(str(path), str(path), map_location='cpu'))
    if not found:
        raise DataError(
            f'checkpoint {path} has no tensors; expected named tensors, bare or under '
            f'one of {", ".join(WEIGHT_KEYS)}'
        )
    return found


def _unpack(loaded: Any) -> dict[str, Tensor]:
    if isinstance(loaded, torch.nn.Module):
        loaded = loaded.state_dict()
    if not isinstance(loaded, Mapping):
        return {}
    for key in WEIGHT_KEYS:
        if isinstance(loaded.get(key), Mapping | torch.nn.Module):
            return _unpack(loaded[key])
    return {key: value for key, value in loaded.items() if isinstance(value, Tensor)}


def print_conversion(report: ConversionReport) -> None:
    """Print every key, used ones first and errors last."""
    sections = {
        'taken over': [
            key if key == name else f'{key} -> {name}'
            for key, name in report.renamed.items()
        ],
        'dropped': [f'{key}: {reason}' for key, reason in report.dropped.items()],
        'unexpected: no such tensor in our model': [
            key if key == name else f'{key} (as {name})'
            for key, name in report.unexpected.items()
        ],
        'of another shape': [
            f'{name}: {theirs} in the checkpoint, {ours} in our model'
            for name, (theirs, ours) in report.mismatched.items()
        ],
        'missing: no tensor for it in the checkpoint': [
            name for name in report.missing if name not in report.mismatched
        ],
    }
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for title, lines in sections.items():
        if lines:
            console.print(f'{title} ({len(lines)})', style='bold')
            console.print('\n'.join(f'  {line}' for line in lines))


def check_conversion(
    report: ConversionReport,
    source: str | Path,
    *,
    allow_missing: Sequence[str] = (),
    allow_unexpected: Sequence[str] = (),
) -> None:
    """Raise if keys are missing or unexpected and not allowed."""
    missing = _not_allowed(report.missing, allow_missing)
    unexpected = _not_allowed(report.unexpected, allow_unexpected)
    if missing and all(key.startswith('cls_head.') for key in missing):
        raise DataError(
            f'checkpoint {source} {_describe_head(report, missing)}: pass '
            "--allow-missing 'cls_head.*' to skip the classifier, which then has "
            'random weights and must be trained'
        )
    if missing:
        raise DataError(
            f'checkpoint {source} has no matching tensor for {_count(missing)} of our '
            'model: it is of another architecture or code. Give another model by '
            '--config, or the keys by --allow-missing PATTERN'
        )
    if unexpected:
        raise DataError(
            f'checkpoint {source} has {_count(unexpected)} that our model lacks, so it '
            'is of another model. Give another one by --config, or the keys by '
            '--allow-unexpected PATTERN'
        )


def _not_allowed(keys: Sequence[str] | Mapping, patterns: Sequence[str]) -> list[str]:
    return [
        key for key in keys if not any(fnmatch.fnmatchcase(key, p) for p in patterns)
    ]


def _describe_head(report: ConversionReport, missing: Sequence[str]) -> str:
    for key in missing:
        if key in report.mismatched and key.endswith('.bias'):
            (theirs,), (ours,) = report.mismatched[key]
            return f'has a classifier of {theirs} classes, ours has {ours}'
    return f'has no fitting classifier ({", ".join(missing)})'


def _count(keys: Sequence[str]) -> str:
    more = ', ...' if len(keys) > 3 else ''
    noun = 'key' if len(keys) == 1 else 'keys'
    return f'{len(keys)} {noun} ({", ".join(keys[:3])}{more})'


def write_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Write a checkpoint atomically."""
    # Given a path, torch does not name a full disk as the cause.
    made = io.BytesIO()
    torch.save(dict(content), made)
    replace_bytes(path, made.getbuffer())
