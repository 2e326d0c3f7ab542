"""The cast of a MiniFF set: persons, their clips, and which clips are swapped.

Each random stream is seeded by its purpose, not by the order of drawing, so the frames
of a video do not depend on other videos, their order or the number of workers, and
enlarging one split leaves the frames of the others unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from .appearance import draw_inner_face, draw_outer_head, draw_scene
from .frames import Performance
from .motion import draw_expression, draw_pose, draw_real_surface
from .settings import METHODS, SPLITS, MiniFFSettings

# First number of a stream's seed, after that of the set.
_PERSON, _CLIP, _PAIRING, _FORGERY, _NOISE = range(5)


@dataclass(frozen=True)
class Clip:
    """One real clip.

    Attributes:
        clip_id: three digits, unique in the set.
        split: 'train', 'val' or 'test'.
        person_index: index of the person within the split.
        take_index: index of the clip of that person.
    """

    clip_id: str
    split: str
    person_index: int
    take_index: int

    @property
    def person_id(self) -> str:
        """Name of the person, unique in the set."""
        return f'{self.split}_{self.person_index:03d}'

    @property
    def seed(self) -> tuple[int, int, int]:
        """Seed of the clip's random streams."""
        return SPLITS.index(self.split), self.person_index, self.take_index


def make_rng(settings: MiniFFSettings, stream: int, *names: int) -> Generator:
    """Return the generator of one random stream."""
    return np.random.default_rng([settings.seed, stream, *names])


def list_clips(settings: MiniFFSettings) -> list[Clip]:
    """List all real clips, split by split."""
    takes = [
        (split, person_index, take_index)
        for split, num_persons in zip(SPLITS, settings.num_identities, strict=True)
        for take_index in range(settings.clips_per_identity)
        for person_index in range(num_persons)
    ]
    return [Clip(f'{number:03d}', *take) for number, take in enumerate(takes)]


def pair_clips(settings: MiniFFSettings) -> dict[str, list[tuple[Clip, Clip]]]:
    """Pair clips of two persons of one split; every clip is in one pair."""
    clips = list_clips(settings)
    pairs: dict[str, list[tuple[Clip, Clip]]] = {split: [] for split in SPLITS}
    for split_index, split in enumerate(SPLITS):
        for take_index in range(settings.clips_per_identity):
            # Within a take every person has one clip, so all pairs join two persons.
            take = [c for c in clips if (c.split, c.take_index) == (split, take_index)]
            rng = make_rng(settings, _PAIRING, split_index, take_index)
            order = rng.permutation(len(take))
            pairs[split] += [
                (take[a], take[b]) for a, b in zip(order[::2], order[1::2], strict=True)
            ]
    return pairs


def perform(settings: MiniFFSettings, clip: Clip) -> Performance:
    """Draw the appearance and motion of a real clip."""
    person_rng = make_rng(settings, _PERSON, *clip.seed[:2])
    clip_rng = make_rng(settings, _CLIP, *clip.seed)
    num_frames = settings.num_frames
    return Performance(
        outer=draw_outer_head(person_rng),
        inner=draw_inner_face(person_rng),
        scene=draw_scene(clip_rng),
        pose=draw_pose(clip_rng, num_frames),
        expression=draw_expression(clip_rng, num_frames),
        surface=draw_real_surface(clip_rng, num_frames),
    )


def make_forgery_rng(settings: MiniFFSettings, method: str, target: Clip) -> Generator:
    """Return the random stream of a forgery's motion and traces."""
    return make_rng(settings, _FORGERY, METHODS.index(method), *target.seed)


def make_noise_rng(
    settings: MiniFFSettings, method: str | None, target: Clip
) -> Generator:
    """Return the random stream of a video's camera noise."""
    method_index = len(METHODS) if method is None else METHODS.index(method)
    return make_rng(settings, _NOISE, method_index, *target.seed)
