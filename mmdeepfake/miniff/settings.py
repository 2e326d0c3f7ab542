"""What a MiniFF set is made of: sizes, forgeries, and how strong their traces are."""

from __future__ import annotations

import dataclasses
import numbers
from typing import Any

from mmdeepfake.errors import DataError

SPLITS = ('train', 'val', 'test')
METHODS = ('Deepfakes', 'Face2Face', 'FaceSwap', 'NeuralTextures')
COMPRESSION_CRF = {'c23': 23, 'c40': 40}  # H.264 constant rate factor of each level
CUES = ('both', 'temporal')
CODINGS = {'both': 'inter', 'temporal': 'intra'}  # of each of the CUES
MAX_NUM_CLIPS = 1000  # clip ids have three digits, as in FaceForensics++
SIZE_RANGE_PX = (32, 1024)


@dataclasses.dataclass(frozen=True)
class MiniFFSettings:
    """Everything that decides the frames of a MiniFF set: same settings, same frames.

    Attributes:
        seed: start of every random draw, 0 or more.
        num_identities: persons in train, val and test; even, since clips form pairs.
        clips_per_identity: real clips of each person.
        num_frames: frames of every video.
        size_px: width and height of every video; even, since H.264 is coded 4:2:0.
        fps: frames per second.
        compressions: any of 'c23' and 'c40'.
        methods: any of FaceForensics++'s four.
        cues: 'both' gives forgeries faint spatial traces and temporal ones;
            'temporal' the temporal ones alone, single frames being alike.
        coding: 'inter' predicts frames from each other, as H.264 usually does;
            'intra' codes each by itself at one quantiser, since prediction leaves
            traces in single frames where a face jitters. None: 'inter' with
            cues='both', 'intra' with cues='temporal'.
        spatial_strength: scale of the spatial traces; 1 is faint, 0 none. Unused with
            cues='temporal'.
        temporal_strength: standard deviation of the shift of the inner face against
            the head, in pixels of a 128 px frame (it grows with `size_px`). Real
            faces drift by it, forged ones jitter by it; all other motions of the
            facial surface grow in proportion.
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
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        self._check_counts()
        self._check_identities()
        self._check_choices()
        for name in ('spatial_strength', 'temporal_strength'):
            self._check_strength(name)

    @property
    def num_clips(self) -> int:
        """Real clips in all splits."""
        return sum(self.num_identities) * self.clips_per_identity

    @property
    def num_videos(self) -> int:
        """Real and forged videos in all splits, each counted once."""
        return self.num_clips * (1 + len(self.methods))

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values; `MiniFFSettings(**d)` reads them back."""
        values = dataclasses.asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    def _check_counts(self) -> None:
        lowest = {'seed': 0, 'clips_per_identity': 1, 'num_frames': 2, 'fps': 1}
        for name, minimum in lowest.items():
            value = getattr(self, name)
            if not _is_whole_number(value) or value < minimum:
                _refuse(name, value, f'a whole number of {minimum} or more')
        low, high = SIZE_RANGE_PX
        size = self.size_px
        if not _is_whole_number(size) or size % 2 or not low <= size <= high:
            _refuse('size_px', size, f'an even number from {low} to {high}')

    def _check_identities(self) -> None:
        numbers_got = self.num_identities
        if (
            not isinstance(numbers_got, tuple)
            or len(numbers_got) != len(SPLITS)
            or not all(
                _is_whole_number(n) and n >= 2 and n % 2 == 0 for n in numbers_got
            )
        ):
            _refuse(
                'num_identities',
                numbers_got,
                'three even numbers of 2 or more (train, val, test)',
            )
        if self.num_clips > MAX_NUM_CLIPS:
            _refuse(
                'num_identities x clips_per_identity',
                self.num_clips,
                f'at most {MAX_NUM_CLIPS} clips, since their ids have three digits',
            )

    def _check_choices(self) -> None:
        for name, choices in (
            ('compressions', tuple(COMPRESSION_CRF)),
            ('methods', METHODS),
        ):
            value = getattr(self, name)
            if (
                not isinstance(value, tuple)
                or not value
                or not set(value) <= set(choices)
                or len(set(value)) < len(value)
            ):
                _refuse(name, value, f'one or more of {choices}, each once')
        if self.cues not in CUES:
            _refuse('cues', self.cues, f'one of {CUES}')
        if self.coding is None:
            object.__setattr__(self, 'coding', CODINGS[self.cues])
        if self.coding not in CODINGS.values():
            _refuse('coding', self.coding, f'one of {tuple(CODINGS.values())}, or None')

    def _check_strength(self, name: str) -> None:
        value, allowed_max = getattr(self, name), 10.0
        is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= allowed_max:
            _refuse(name, value, f'a number from 0 to {allowed_max:g}')


def _is_whole_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _refuse(name: str, value: object, allowed: str) -> None:
    raise DataError(f'{name} = {value!r} of MiniFFSettings: allowed is {allowed}')
