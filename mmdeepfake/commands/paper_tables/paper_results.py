"""The figures that RATF's paper prints, looked up by our configs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mmdeepfake.errors import DataError

# Reached through the package, so that an installed copy finds it as well.
PAPER_RESULTS = (
    Path(__file__).resolve().parents[2] / '.mim/configs/baselines/paper_results.yml'
)
DATASET = 'FaceForensics++'
_DATA_OF_CONFIG = re.compile(r'_ffpp_(lq|hq)(_(df|f2f|fs|nt))?$')


@dataclass(frozen=True)
class PaperRow:
    """One row of a table of the paper.

    Attributes:
        name: as printed.
        table: its number, '1' or '4a'.
        accuracies: manipulation -> accuracy, a share of videos.
        reimplemented: whether the paper says that its authors wrote the method anew.
    """

    name: str
    table: str
    accuracies: dict[str, float]
    reimplemented: bool


def find_paper_row(
    config_stem: str, dataset: Mapping, *, path: Path = PAPER_RESULTS
) -> PaperRow | None:
    """Give the paper's row of a config, None where the paper has no such figure.

    Args:
        config_stem: file name of the config, as 'tam_ffpp_lq'.
        dataset: the test dataset of the config, which options may have replaced.
        path: the file of the figures.
    """
    found = _DATA_OF_CONFIG.search(config_stem)
    if not found or dataset.get('dataset_name') not in (None, DATASET):
        return None
    tables = read_paper_results(path)
    method = config_stem[: found.start()]
    for row in tables['rows']:
        figures = row.get(dataset.get('compression'))
        if method in row['configs'] and figures:
            pairs = zip(tables['manipulations'], figures, strict=True)
            known = {name: figure for name, figure in pairs if figure is not None}
            table = str(row['table'])
            return PaperRow(row['name'], table, known, row['reimplemented'])
    return None


def read_paper_results(path: Path = PAPER_RESULTS) -> dict[str, Any]:
    """Read the file of the figures."""
    try:
        tables = yaml.safe_load(path.read_text(encoding='utf-8'))
        if not {'rows', 'manipulations', 'title', 'url'} <= set(tables):
            raise ValueError('rows, manipulations, title or url is missing')
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise DataError(f"cannot read the paper's figures {path}: {error}") from error
    return tables
