"""Settings of a MiniFF set: sizes, forgeries, and the strength of their traces."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable, Collection
from typing import Any

from mmdeepfake.errors import DataError

SPLITS = ('train', 'val', 'test')
METHODS = ('Deepfakes', 'Face2Face', 'FaceSwap', 'NeuralTextures')
COMPRESSION_CRF = {'c23': 23, 'c40': 40}  # H.264 constant rate factors
CUES = ('both', 'temporal')
CODINGS = {'both': 'inter', 'temporal': 'intra'}  # by cues
MAX_NUM_CLIPS = 1000  # clip ids have three digits, as in FaceForensics++
SIZE_RANGE_PX = (32, 1024)


@dataclasses.dataclass(frozen=True)
class MiniFFSettings:
    """All settings that determine the frames of a MiniFF set.

    Attributes:
        seed: random seed, 0 or more.
        num_identities: persons in train, val and test; even, since clips form pairs.
        clips_per_identity: real clips of each person.
        num_frames: frames of every video.
        size_px: width and height of every video; even, since H.264 is coded 4:2:0.
        fps: frames per second.
        compressions: 'c23', 'c40' or both.
        methods: some of the four classic methods of FaceForensics++.
        cues: 'both' for faint spatial and temporal traces; 'temporal' for temporal
            traces only, where single frames do not differ.
        coding: 'inter' predicts frames from each other, as H.264 usually does; 'intra'
            codes each by itself with one quantiser, since prediction leaves traces in
            single frames where a face jitters. None: 'inter' with cues='both', 'intra'
            with cues='temporal'.
        spatial_strength: scale of the spatial traces; 1 is faint, 0 none. Unused with
            cues='temporal'.
        temporal_strength: standard deviation of the shift of the inner face against
            the head, in pixels of a 128 px frame (scaled with `size_px`). Real faces
            drift by it, forged ones jitter by it; other motions of the facial surface
            are proportional.
    """

    seed: int = 0
    num_identities: tuple[int, int, int] = (48, 8, 16)
    clips_per_identity: int = 1
    num_frames: int = 48
    size_px: int = 128
    fps: int = 25
    compressions: tuple[str, ...] = ('c23', 'c40')
    methods: tuple[str, ...] = METHODS
    cues: str = 'both'
    coding: str | None = None
    spatial_strength: float = 1.0
    temporal_strength: float = 6.0

    def __post_init__(self) -> None:
        # Lists come from JSON and the command line; tuples compare and hash.
        for name in ('num_identities', 'compressions', 'methods'):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, (is_allowed, allowed) in _ALLOWED.items():
            if not is_allowed(getattr(self, name)):
                _refuse(name, getattr(self, name), allowed)
        if self.num_clips > MAX_NUM_CLIPS:
            _refuse(
                'num_identities x clips_per_identity',
                self.num_clips,
                f'at most {MAX_NUM_CLIPS} clips, since their ids have three digits',
            )
        if self.coding is None:
            object.__setattr__(self, 'coding', CODINGS[self.cues])

    @property
    def num_clips(self) -> int:
        """Number of real clips in all splits."""
        return sum(self.num_identities) * self.clips_per_identity

    @property
    def num_videos(self) -> int:
        """Number of real and forged videos in all splits."""
        return self.num_clips * (1 + len(self.methods))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, the arguments of `MiniFFSettings`."""
        values = dataclasses.asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def _is_integer(value: object, low: int, high: float = math.inf) -> bool:
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return is_integer and low <= value <= high


def _is_even(value: object, low: int, high: float = math.inf) -> bool:
    return _is_integer(value, low, high) and value % 2 == 0


def _is_strength(value: object) -> bool:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_number and 0 <= value <= 10


def _are_some_of(values: object, choices: Collection[str]) -> bool:
    is_set = isinstance(values, tuple) and 0 < len(values) == len(set(values))
    return is_set and set(values) <= set(choices)


_COUNT = (lambda value: _is_integer(value, 1), 'an integer of 1 or more')
_STRENGTH = (_is_strength, 'a number from 0 to 10')
# Setting -> its check, and the values it allows in words.
_ALLOWED: dict[str, tuple[Callable[[Any], bool], str]] = {
    'seed': (lambda value: _is_integer(value, 0), 'an integer of 0 or more'),
    'num_identities': (
        lambda value: (
            isinstance(value, tuple)
            and len(value) == len(SPLITS)
            and all(_is_even(number, 2) for number in value)
        ),
        'three even numbers of 2 or more (train, val, test)',
    ),
    'clips_per_identity': _COUNT,
    'num_frames': (lambda value: _is_integer(value, 2), 'an integer of 2 or more'),
    'size_px': (
        lambda value: _is_even(value, *SIZE_RANGE_PX),
        'an even number from {} to {}'.format(*SIZE_RANGE_PX),
    ),
    'fps': _COUNT,
    'compressions': (
        lambda value: _are_some_of(value, COMPRESSION_CRF),
        f'one or more of {tuple(COMPRESSION_CRF)}, each once',
    ),
    'methods': (
        lambda value: _are_some_of(value, METHODS),
        f'one or more of {METHODS}, each once',
    ),
    'cues': (lambda value: value in CUES, f'one of {CUES}'),
    'coding': (
        lambda value: value in (None, *CODINGS.values()),
        f'one of {tuple(CODINGS.values())}, or None',
    ),
    'spatial_strength': _STRENGTH,
    'temporal_strength': _STRENGTH,
}


def _refuse(name: str, value: object, allowed: str) -> None:
    raise DataError(f'{name} = {value!r} of MiniFFSettings: allowed is {allowed}')
