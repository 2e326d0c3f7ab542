"""Model files that come with a package, found without importing the package."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def find_package_file(package: str, name: str) -> Path | None:
    """Return the path of a file of a package, None if either is missing."""
    spec = importlib.util.find_spec(package)
    folders = (spec.submodule_search_locations or []) if spec else []
    paths = [Path(folder) / name for folder in folders]
    return next((path for path in paths if path.is_file()), None)
