"""One video of a deepfake dataset: its label, its key and what is known about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

REAL = 0
FAKE = 1
LABEL_NAMES = ('real', 'fake')  # indexed by label
REAL_METHOD = 'real'  # what a real video carries in place of a manipulation's name


class VideoKey(NamedTuple):
    """Identity of a video across manipulations and datasets.

    A file name alone is no key: FaceForensics++ gives the same name to the fakes that
    four methods made of one pair, and to each compression level of a video.
    """

    dataset: str
    label: int
    method: str
    compression: str
    name: str

    def __str__(self) -> str:
        return (
            '/'.join(
                (self.dataset, LABEL_NAMES[self.label], self.method, self.compression)
            )
            + f'/{self.name}'
        )


@dataclass(frozen=True)
class VideoRecord:
    """A video (or one face track of it) as a dataset lists it.

    Attributes:
        key: see `VideoKey`.
        path: video file or folder of frames, relative to the dataset's root.
        split: 'train', 'val' or 'test'.
        identities: ids of the persons (or source videos) seen or used in the video;
            no identity may be in two splits.
        fps: frames per second, where known.
        num_frames: number of frames, where known.
        boxes: (x1, y1, x2, y2) in pixels for each frame, or one for all, where known.
        landmarks: path of a landmark file relative to the root, where there is one.
        mask: path of the mask video relative to the root, where there is one.
    """

    key: VideoKey
    path: str
    split: str
    identities: tuple[str, ...] = ()
    fps: float | None = None
    num_frames: int | None = None
    boxes: tuple[tuple[float, float, float, float], ...] = field(default=())
    landmarks: str | None = None
    mask: str | None = None

    def __post_init__(self) -> None:
        if self.key.label not in (REAL, FAKE):
            raise ValueError(
                f'label {self.key.label!r} of video {self.key.name!r}: '
                f'allowed are {REAL} (real) and {FAKE} (fake)'
            )
        if (self.key.method == REAL_METHOD) != (self.key.label == REAL):
            raise ValueError(
                f'video {self.key.name!r} has label {self.key.label} and method '
                f'{self.key.method!r}: the method {REAL_METHOD!r} belongs to real '
                'videos and to them alone'
            )
