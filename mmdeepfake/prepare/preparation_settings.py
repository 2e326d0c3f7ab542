"""The settings that prepared clips depend on, stored beside them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.faces.tracking import TrackingSettings
from mmdeepfake.files.bounded_reading import load_json
from mmdeepfake.files.record_fields import check_fields
from mmdeepfake.video.clip_storage import DEFAULT_CLIP_FORMAT, FORMATS

# Incremented whenever the same settings give other clips or other results.
PREPARATION_VERSION = 2


@dataclass(frozen=True)
class PreparationSettings:
    """All that the prepared clips depend on, apart from the videos.

    Attributes:
        layout: name of the dataset's layout.
        dataset_name: first part of the videos' keys; None for the layout's own.
        detector: name of the face detector.
        detector_options: its options.
        tracking: see `TrackingSettings`.
        reuse_boxes: whether a fake takes the tracks of the real video that its frames
            come from, if the layout names one. On, since a detector behaves differently
            on fakes, which a network could learn; and it halves the work.
        imported_boxes: SHA-256 of the file of boxes used in place of a detector.
        margin_ratio: side of the square around a face's box that is stored, over the
            longer side of the box. The maximum margin of crops at load time.
        face_px: minimum side of the stored face, in pixels: larger faces are scaled
            down by eighths to no less than this. 224 is the input size of the models.
        min_face_px: tracks whose median box is smaller on its longer side are dropped.
        clip_format: one of `clip_storage.CLIP_FORMATS`.
        clip_quality: of that format; None for its default.
        landmarks: whether to find 68 landmarks in each frame.
        masks: whether to store the masks of manipulated pixels, if there are any.
    """

    layout: str
    dataset_name: str | None = None
    detector: str = 'centerface'
    detector_options: Mapping[str, Any] = field(default_factory=dict)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    reuse_boxes: bool = True
    imported_boxes: str | None = None
    margin_ratio: float = 1.6
    face_px: int = 224
    min_face_px: int = 32
    clip_format: str = DEFAULT_CLIP_FORMAT
    clip_quality: int | None = None
    landmarks: bool = False
    masks: bool = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.margin_ratio) and 1 <= self.margin_ratio <= 10):
            raise ConfigError(
                f'margin {self.margin_ratio!r} of the preparation; allowed is 1 (the '
                'face box) to 10'
            )
        if self.clip_format not in FORMATS:
            raise ConfigError(
                f'clip format {self.clip_format!r} of the preparation; allowed are '
                + ', '.join(map(repr, FORMATS))
            )
        low, _, high = FORMATS[self.clip_format].qualities
        if self.clip_quality is not None and not low <= self.clip_quality <= high:
            raise ConfigError(
                f'clip quality {self.clip_quality!r} of the preparation; allowed of '
                f'{self.clip_format!r} is {low} to {high}'
            )
        for name, low in (('face_px', 16), ('min_face_px', 0)):
            if getattr(self, name) < low:
                raise ConfigError(
                    f'{name} {getattr(self, name)!r} of the preparation; allowed is '
                    f'{low} or more'
                )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values, with the version of the preparation."""
        values = {
            'preparation_version': PREPARATION_VERSION,
            **dataclasses.asdict(self),
        }
        return json.loads(json.dumps(values))  # tuples become lists, as in a file

    @classmethod
    def read(cls, path: Path) -> PreparationSettings:
        """Read the settings.json of a preparation.

        Raises:
            DataNotFoundError: the file does not exist.
            DataError: its content is invalid, or of another version.
        """
        if not path.is_file():
            raise DataNotFoundError(
                f'no settings of a preparation at {str(path)!r}; tools/prepare.py '
                'writes them beside the manifest'
            )
        try:
            values = load_json(path)
            version = values.pop('preparation_version')
            tracking = check_fields(TrackingSettings, values.pop('tracking'))
            settings = cls(
                **check_fields(cls, values), tracking=TrackingSettings(**tracking)
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f'{str(path)!r} is not the settings of a preparation ({error})'
            ) from error
        if version != PREPARATION_VERSION:
            raise DataError(
                f'{str(path)!r} is of version {version} of the preparation, this is '
                f'version {PREPARATION_VERSION}, which would give other clips'
            )
        return settings

    def fingerprint(self) -> str:
        """Return 16 hex digits that differ for other settings."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def describe_differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Name the settings that differ, such as 'face_px: 224 there, 96 now'."""
    there, now = _flatten(found), _flatten(wanted)
    return '; '.join(
        f'{name}: {there.get(name)!r} there, {now.get(name)!r} now'
        for name in sorted(there.keys() | now.keys())
        if there.get(name) != now.get(name)
    )


def _flatten(values: Mapping[str, Any], prefix: str = '') -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f'{prefix}{name}.')
        else:
            flat[prefix + name] = value
    return flat
