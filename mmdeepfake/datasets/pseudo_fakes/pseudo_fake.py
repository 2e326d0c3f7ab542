"""Pseudo-fakes: real videos turned into fakes as a forger's tool would do it.

What such a tool fixes for a video (shape of the mask, colours, sharpness) is drawn once
for all snippets of a video; what jitters is drawn for every frame.
"""

from __future__ import annotations

import zlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.registry import TRANSFORMS
from mmdeepfake.structures import FAKE, REAL

from .colour_and_sharpness import Frames
from .face_geometry import check_face_size
from .face_points import locate_face_points

# Key of an item: absent or None (leave the video as it is), DRAWN, or a kind's index.
FORGE = 'pseudo_fake'
DRAWN = -1


@dataclass(frozen=True)
class Snippets:
    """The snippets of a video, one after the other.

    Attributes:
        frames: (F, H, W, 3) uint8, F = N * T.
        points: (F, 5, 2) float32 pixels, see `FaceTrack`.
        clip_len: T.
        item: the results of the pipeline so far.
    """

    frames: Frames
    points: NDArray[np.float32]
    clip_len: int
    item: Mapping = field(default_factory=dict)


class PseudoFake(BaseTransform):
    """Base of the transforms that turn a real video into a fake.

    Place it after `CropFace` and `Resize`, and before any flip.

    Required keys: imgs, (H, W, 3) uint8 of one size, img_shape, frame_inds, clip_len,
        label, track_file; optional: crop_boxes, original_shape, source_frames.
    Changed keys: imgs, label.
    Added key: forgery_masks, (N * T, H, W) float32, 1 where the picture was replaced.
    """

    # Whether the transform needs videos of other persons, as attribute `donors`.
    needs_donors = False
    min_frames = 1  # of the video

    @abstractmethod
    def forge(
        self, snippets: Snippets, rng: np.random.Generator
    ) -> tuple[Frames, NDArray[np.float32]]:
        """Return the forged frames and their masks."""

    def transform(self, results: dict) -> dict:
        """Forge with draws from NumPy's global generator."""
        return self.forge_item(results, np.random.default_rng(np.random.randint(2**31)))

    def forge_item(self, results: dict, rng: np.random.Generator) -> dict:
        """Forge with the draws of a generator."""
        name = results.get('video_key', results.get('filename'))
        if results['label'] != REAL:
            raise DataError(f'{type(self).__name__}: video {name} is already a fake')
        if len({frame.shape for frame in results['imgs']}) > 1:
            raise ConfigError(
                f'{type(self).__name__}: the frames of video {name} differ in size; '
                'put Resize before it'
            )
        points = locate_face_points(results)
        check_face_size(points, name)
        snippets = Snippets(
            np.stack(results['imgs']), points, results['clip_len'], results
        )
        frames, masks = self.forge(snippets, rng)
        results['imgs'] = list(frames)
        results['forgery_masks'] = masks
        results['label'] = FAKE
        return results


@TRANSFORMS.register_module()
class MakePseudoFake(BaseTransform):
    """Turn the videos that `PseudoFakeDataset` marks into pseudo-fakes.

    Place it after `Resize`, before augmentations, which then treat a real video and its
    pseudo-fake alike. Unmarked videos stay as they are: the step may stand in any
    pipeline.

    Required keys: those of `PseudoFake` for marked videos.

    Args:
        kinds: transforms derived from `PseudoFake`, each with an optional `weight`
            (1), its share of the drawn kinds.
    """

    def __init__(self, kinds: Sequence[Mapping]) -> None:
        if not kinds:
            raise ConfigError('MakePseudoFake: kinds is empty; name at least one')
        weights = np.array([kind.get('weight', 1) for kind in kinds], float)
        if not (np.isfinite(weights).all() and (weights > 0).all()):
            raise ConfigError(
                f'MakePseudoFake: weight = {weights.tolist()}; allowed: numbers > 0'
            )
        self.shares = weights / weights.sum()
        self.kinds: list[PseudoFake] = []
        for kind in kinds:
            built = TRANSFORMS.build({k: v for k, v in kind.items() if k != 'weight'})
            if not isinstance(built, PseudoFake):
                raise ConfigError(
                    f'MakePseudoFake: {kind["type"]!r} is not a kind of pseudo-fake'
                )
            self.kinds.append(built)

    @property
    def min_real_frames(self) -> int:
        """Minimum length of the real videos; datasets check it before a run."""
        return max(kind.min_frames for kind in self.kinds)

    @property
    def names(self) -> list[str]:
        """Return the kinds' names, numbered where a type stands more than once."""
        names = [type(kind).__name__ for kind in self.kinds]
        return [
            f'{name}{names[: i + 1].count(name)}' if names.count(name) > 1 else name
            for i, name in enumerate(names)
        ]

    def transform(self, results: dict) -> dict:
        """Forge a marked video."""
        # Drawn for every video: the steps after it go on alike for real and fake.
        drawn = int(np.random.randint(2**31))
        place = results.get(FORGE)
        if place is None:
            return results
        if place == DRAWN:
            rng = np.random.default_rng(drawn)
            place = int(rng.choice(len(self.kinds), p=self.shares))
        else:
            rng = np.random.default_rng(zlib.crc32(str(results['video_key']).encode()))
        # The item's label is that of the result.
        results['label'] = REAL
        return self.kinds[place].forge_item(results, rng)
