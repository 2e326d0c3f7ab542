"""A detector as a folder that can be handed on, see `tools/publish.py`.

| file | contents |
|---|---|
| model.safetensors | weights, in half precision, computed with in single |
| config.py | complete config of its training, read as data |
| detector.json | `DetectorFacts` |
| operating_point.json | thresholds and temperature, if they were chosen |
| settings.json | how its training videos were prepared, if they were |
| README.md | its card for readers, with the metadata of the Hugging Face Hub |

No file of it is run: weights are plain arrays, and the config may only name parts that
are registered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from mmdeepfake.engine.checkpoint_choice import best_checkpoint
from mmdeepfake.engine.config_checks import walk_dicts
from mmdeepfake.engine.written_config import read_written_config
from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.files.bounded_reading import load_json
from mmdeepfake.files.file_hash import hash_file
from mmdeepfake.files.media_files import is_video_name
from mmdeepfake.files.record_fields import check_fields
from mmdeepfake.structures.training_data import TrainingData

WEIGHTS, CONFIG, FACTS = 'model.safetensors', 'config.py', 'detector.json'
CARD, SETTINGS = 'README.md', 'settings.json'
STARTER = Path(__file__).resolve().parents[1] / 'weights/starter'


@dataclass(frozen=True)
class DetectorFacts:
    """The facts of a published detector, kept as detector.json.

    Attributes:
        name: of the detector.
        weights_sha256: of model.safetensors.
        config_sha256: of config.py.
        training_data: see `TrainingData`.
        training_command: made its checkpoint; None if unknown.
        figures: of its test, by row: AUC, its interval, numbers of videos; empty if
            unknown.
        licence: terms of use, in words.
        made_with: version of mmdeepfake.
    """

    name: str
    weights_sha256: str
    config_sha256: str
    training_data: dict[str, Any]
    training_command: str | None
    figures: dict[str, Any]
    licence: str
    made_with: str

    def write(self, folder: Path) -> None:
        """Write them atomically."""
        replace_text(folder / FACTS, json.dumps(asdict(self), indent=2) + '\n')

    @classmethod
    def read(cls, folder: Path) -> DetectorFacts:
        """Read them, and check that weights and config are those that they name.

        Raises:
            DataNotFoundError: a file is missing.
            DataError: detector.json is invalid, or a file is another one.
        """
        for name in (WEIGHTS, CONFIG, FACTS):
            if not (folder / name).is_file():
                raise DataNotFoundError(
                    f'{folder} has no {name}: not a folder of tools/publish.py, or not '
                    'all of it'
                )
        try:
            facts = cls(**check_fields(cls, load_json(folder / FACTS)))
            TrainingData.read(facts.training_data)
        except (ValueError, TypeError) as error:
            raise DataError(
                f'{folder / FACTS} does not describe a detector: {error}'
            ) from error
        expected = {WEIGHTS: facts.weights_sha256, CONFIG: facts.config_sha256}
        for name, sha256 in expected.items():
            if hash_file(folder / name) != sha256:
                raise DataError(
                    f'{folder / name} is not the file that {FACTS} names (SHA-256 '
                    f'{sha256[:12]}...); copy the folder again'
                )
        return facts


def locate_weights(given: str | Path | None) -> Path:
    """Return the file of weights of a detector.

    Args:
        given: the file; the folder of a training, whose best checkpoint it is, or of a
            published detector; None for the starter that comes with the package.

    Raises:
        DataNotFoundError: there is none.
        DataError: it is a config or a video.
    """
    if given is None:
        if not (STARTER / WEIGHTS).is_file():
            raise DataNotFoundError(
                'this copy of mmdeepfake comes without a starter detector: name a '
                'checkpoint, or the folder of a training or of a published detector'
            )
        return STARTER / WEIGHTS
    given = Path(given)
    if given.suffix == '.py':
        raise DataError(
            f'{str(given)!r} is a config, not weights; were config and checkpoint '
            'swapped?'
        )
    if is_video_name(given.name):
        raise DataError(f'{str(given)!r} is a video, not weights; were they swapped?')
    if not given.is_dir():
        return given
    if (given / WEIGHTS).is_file():
        return given / WEIGHTS
    best = best_checkpoint(given)
    if best is None:
        raise DataNotFoundError(
            f'no detector in folder {str(given)!r}: neither {WEIGHTS} nor best_*.pth; '
            'name the checkpoint'
        )
    return best


def is_published(weights: Path) -> bool:
    """Return whether these are the weights of a published detector."""
    return weights.name == WEIGHTS


def read_published_config(folder: Path) -> Config:
    """Read the config of a published detector without running any of it.

    Raises:
        DataError: it holds more than plain values, or has a dotted type, which MMEngine
            would import and call.
    """
    cfg = read_written_config(folder / CONFIG)
    for where, node in walk_dicts(cfg.to_dict(), 'config'):
        if '.' in str(node.get('type')):
            raise DataError(
                f'{folder / CONFIG}: {where}.type = {node["type"]!r}; a published '
                'config may only name registered parts'
            )
    return cfg


def read_published_weights(path: Path) -> dict[str, Any]:
    """Read weights and facts in the form of a checkpoint.

    Raises:
        DataError: the files do not belong together, or hold no weights.
    """
    facts = DetectorFacts.read(path.parent)
    try:
        weights: Mapping[str, Tensor] = load(path.read_bytes())
    except SafetensorError as error:
        raise DataError(f'{path} is not a file of safetensors: {error}') from error
    floats = {
        name: value.float() if value.is_floating_point() else value
        for name, value in weights.items()
    }
    return {'state_dict': floats, 'meta': asdict(facts)}
