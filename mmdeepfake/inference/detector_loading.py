"""A detector in one line, and the names of the models."""

from __future__ import annotations

import os
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from mmdeepfake.files.package_folders import CONFIGS

from .inferencer import DeepfakeInferencer


def load_detector(
    source: str | os.PathLike[str] | None = None, **options: Any
) -> DeepfakeInferencer:
    """Load a detector, which takes the path of a video and returns its result.

    Example:
        >>> detector = load_detector()
        >>> result = detector('talk.mp4')
        >>> result.verdict
        'uncertain'

    Args:
        source: a checkpoint with its config beside it, or the folder of a training or
            of a published detector. None loads the starter detector, and says so.
        **options: of `DeepfakeInferencer`.

    Raises:
        InputError: there is no such detector, or it cannot be loaded.
    """
    detector = DeepfakeInferencer(None, source, **options)
    if source is None:
        print(announce(detector, is_starter=True), file=sys.stderr)
    return detector


def announce(detector: DeepfakeInferencer, *, is_starter: bool) -> str:
    """Return one line about the detector in use."""
    which = 'no checkpoint named: starter detector' if is_starter else 'detector'
    return f'{which} {detector.name!r}, trained on {detector.training_data}'


def list_models(pattern: str = '*') -> list[str]:
    """Return the names of the configs that come with the package, by a glob pattern.

    `_base_ = 'mmdeepfake::NAME.py'` inherits from one in a config of your own.

    Example:
        >>> list_models('tei*')
        ['baselines/tei_ffpp_lq', 'miniff/tei_r18_miniff']

    Args:
        pattern: of the file name without its folder and suffix, or with the folder.
    """
    names = [
        path.relative_to(CONFIGS).with_suffix('').as_posix()
        for path in sorted(CONFIGS.rglob('*.py'))
    ]
    return [
        name
        for name in names
        if not name.startswith('_base_/')
        and (fnmatch(name, pattern) or fnmatch(Path(name).name, pattern))
    ]
