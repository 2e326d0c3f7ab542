"""One video of a deepfake dataset: its label, its key and what is known about it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from mmdeepfake.files.printable_text import show_name

REAL = 0
FAKE = 1
LABEL_NAMES = ('real', 'fake')  # indexed by label
REAL_METHOD = 'real'  # what a real video carries in place of a manipulation's name
SPLITS = ('train', 'val', 'test')
# What became of a video in preparation; a model can be shown those that are 'ok'.
STATUSES = ('ok', 'no_face', 'failed')
OK, NO_FACE, FAILED = STATUSES
# Key of a test set's metainfo: the (key, status) of the videos that are not 'ok'.
UNSCORED_VIDEOS = 'unscored_videos'
# Of the same: the (key, kind of problem) of the videos that could not be used.
LEFT_OUT_VIDEOS = 'left_out_videos'


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
        label = LABEL_NAMES[self.label]
        return show_name('/'.join((self.dataset, label, *self[2:])))


@dataclass(frozen=True)
class VideoRecord:
    """A video (or one face track of it) as a dataset lists it.

    Attributes:
        key: see `VideoKey`.
        path: video file, face clip or folder of frames, relative to the dataset's root;
            empty where `status` is not 'ok'.
        split: 'train', 'val' or 'test'.
        identities: ids of the persons (or source videos) seen or used in the video;
            no identity may be in two splits.
        fps: frames per second, where known.
        num_frames: number of frames, where known.
        boxes: face box (x1, y1, x2, y2) in pixels for each frame, or one for all of
            them; empty where unknown.
        landmarks: path of a landmark file relative to the root, where there is one.
        mask: path of the mask video relative to the root, where there is one.
        track: which person of the video this is: 0 is the one that the video's score is
            told of, further persons count from 1. (key, track) is unique.
        track_file: path, relative to the root, of the `FaceTrack` with the boxes of
            every frame; stands in place of `boxes`, which long videos make unwieldy.
        status: 'ok', 'no_face' (no face was found) or 'failed' (see `fault`).
        fault: why the preparation failed.
        source: path of the video that this was prepared from, relative to the root of
            the dataset as it was downloaded.
    """

    key: VideoKey
    path: str
    split: str
    identities: tuple[str, ...] = ()
    fps: float | None = None
    num_frames: int | None = None
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    landmarks: str | None = None
    mask: str | None = None
    track: int = 0
    track_file: str | None = None
    status: str = OK
    fault: str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        self._check_key()
        if self.split not in SPLITS:
            self._refuse('split', self.split, 'one of ' + ', '.join(map(repr, SPLITS)))
        if self.fps is not None and not (math.isfinite(self.fps) and self.fps > 0):
            self._refuse('fps', self.fps, 'a number above 0')
        if self.num_frames is not None and self.num_frames < 1:
            self._refuse('num_frames', self.num_frames, 'a whole number above 0')
        if self.status not in STATUSES:
            self._refuse(
                'status', self.status, 'one of ' + ', '.join(map(repr, STATUSES))
            )
        if (self.path == '') != (self.status != OK):
            self._refuse(
                'path',
                self.path,
                f"a path if the status is 'ok', else none: {self.status!r}",
            )
        if self.track < 0:
            self._refuse('track', self.track, 'a whole number from 0 on')
        self._check_boxes()

    def _check_key(self) -> None:
        if self.key.label not in (REAL, FAKE):
            self._refuse(
                'label', self.key.label, f'{REAL} (real) and {FAKE} (fake)', 'are'
            )
        if (self.key.method == REAL_METHOD) != (self.key.label == REAL):
            raise ValueError(
                f'video {self.key.name!r} has label {self.key.label} and method '
                f'{self.key.method!r}: the method {REAL_METHOD!r} belongs to real '
                'videos and to them alone'
            )

    def _check_boxes(self) -> None:
        for index, box in enumerate(self.boxes):
            x1, y1, x2, y2 = box
            # Written so that a NaN fails it too.
            if not (x1 < x2 and y1 < y2 and all(map(math.isfinite, box))):
                self._refuse(
                    f'boxes[{index}]', box, 'finite pixels with x1 < x2 and y1 < y2'
                )
        if self.num_frames and len(self.boxes) not in (0, 1, self.num_frames):
            self._refuse(
                'boxes',
                f'{len(self.boxes)} boxes',
                f'none, one for the whole video, or {self.num_frames}, one a frame',
            )

    def _refuse(self, name: str, value: object, allowed: str, verb: str = 'is') -> None:
        raise ValueError(
            f'{name} {value!r} of video {self.key.name!r}: allowed {verb} {allowed}'
        )
