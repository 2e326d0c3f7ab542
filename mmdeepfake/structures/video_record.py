"""One video of a deepfake dataset: its key, label and metadata."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from mmdeepfake.files.printable_text import show_name

REAL = 0
FAKE = 1
LABEL_NAMES = ('real', 'fake')  # indexed by label
REAL_METHOD = 'real'  # method of real videos
SPLITS = ('train', 'val', 'test')
# Result of preparing a video; only 'ok' ones have a face clip.
STATUSES = ('ok', 'no_face', 'failed')
OK, NO_FACE, FAILED = STATUSES
# Key of a test set's metainfo: (key, status) of the videos that are not 'ok'.
UNSCORED_VIDEOS = 'unscored_videos'
# Likewise: (key, kind of problem) of the videos that could not be used.
LEFT_OUT_VIDEOS = 'left_out_videos'


class VideoKey(NamedTuple):
    """Identity of a video across manipulations and datasets.

    A file name is not unique: in FaceForensics++ the fakes of four methods and all
    compression levels share their names.
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
    """A video, or one face track of it, as listed in a dataset.

    Attributes:
        key: see `VideoKey`.
        path: video file, face clip or folder of frames, relative to the dataset's root;
            empty if `status` is not 'ok'.
        split: 'train', 'val' or 'test'.
        identities: ids of the persons (or source videos) seen or used in the video;
            no identity may be in two splits.
        fps: frames per second, if known.
        num_frames: number of frames, if known.
        boxes: face box (x1, y1, x2, y2) in pixels for each frame, or one for all; empty
            if unknown.
        landmarks: path of the landmark file relative to the root, if any.
        mask: path of the mask video relative to the root, if any.
        track: index of the person in the video: the video's score is that of 0, others
            count from 1. (key, track) is unique.
        track_file: path, relative to the root, of the `FaceTrack` with the boxes of
            every frame; replaces `boxes`, which is unwieldy for long videos.
        status: 'ok', 'no_face' or 'failed' (see `fault`).
        fault: why preparation failed.
        source: path of the original video, relative to the root of the downloaded
            dataset.
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
            self._refuse('num_frames', self.num_frames, 'an integer above 0')
        if self.status not in STATUSES:
            self._refuse(
                'status', self.status, 'one of ' + ', '.join(map(repr, STATUSES))
            )
        if (self.path == '') != (self.status != OK):
            self._refuse(
                'path',
                self.path,
                f"a path if the status is 'ok', else '': it is {self.status!r}",
            )
        if self.track < 0:
            self._refuse('track', self.track, 'an integer of 0 or more')
        self._check_boxes()

    def _check_key(self) -> None:
        if self.key.label not in (REAL, FAKE):
            self._refuse('label', self.key.label, f'{REAL} (real) or {FAKE} (fake)')
        if (self.key.method == REAL_METHOD) != (self.key.label == REAL):
            raise ValueError(
                f'video {self.key.name!r} has label {self.key.label} and method '
                f'{self.key.method!r}: real videos, and only they, have the method '
                f'{REAL_METHOD!r}'
            )

    def _check_boxes(self) -> None:
        for index, box in enumerate(self.boxes):
            x1, y1, x2, y2 = box
            # This form also rejects NaN.
            if not (x1 < x2 and y1 < y2 and all(map(math.isfinite, box))):
                self._refuse(
                    f'boxes[{index}]', box, 'finite pixels with x1 < x2 and y1 < y2'
                )
        if self.num_frames and len(self.boxes) not in (0, 1, self.num_frames):
            self._refuse(
                'boxes',
                f'{len(self.boxes)} boxes',
                f'none, one for the whole video, or {self.num_frames}, one per frame',
            )

    def _refuse(self, name: str, value: object, allowed: str) -> None:
        raise ValueError(
            f'{name} {value!r} of video {self.key.name!r}: allowed is {allowed}'
        )
