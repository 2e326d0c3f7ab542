"""The faces of a raw video, read in bounded memory however long it is.

Two kinds of config, two kinds of stream, told apart by the config's own test data:

- Its videos are prepared face clips. Then the video goes the way of the preparation:
  the same detection and tracking in a first pass, the same cutting in a second, and
  each cut frame through the same encoder as a stored clip. Nothing is written; a window
  of a face at a time is kept, as encoded pictures.
- Its videos are whole frames, which the pipeline crops by itself. Then there is one
  "face", the square that the config crops, and frames are read by the config's decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError
from mmdeepfake.faces.detection import FaceDetector
from mmdeepfake.faces.face_region import Cut, cut_frames
from mmdeepfake.prepare.clip_cutting import UNKNOWN_FPS
from mmdeepfake.prepare.face_finding import detect_faces
from mmdeepfake.prepare.preparation_settings import PreparationSettings
from mmdeepfake.structures import FaceTrack
from mmdeepfake.video.clip_storage import FORMATS
from mmdeepfake.video.frame_sources import VideoFile
from mmdeepfake.video.isolation.isolated_video import shared_decoder
from mmdeepfake.video.local_decoding import VideoDecoder
from mmdeepfake.video.source_frames import SourceFrame

from .config_pipeline import ConfigPipeline, Frames, KeptFrames, PackedGroup
from .snippet_plan import SnippetGroup, SnippetPlan

FIND, SCORE = STAGES = ('find faces', 'score')
_FRAMES_BETWEEN_WORDS = 25
# Whole frames of a window are held at once; larger ones make shorter windows.
_MAX_WINDOW_BYTES = 256 << 20

Tell = Callable[[str, int, 'int | None'], None]  # stage, frames done, of how many


@dataclass(frozen=True, eq=False)
class FaceSpan:
    """One face of a video, before it is scored.

    Attributes:
        first_frame: of the source video.
        num_frames: how many frames it is seen in.
        track: its boxes, where it was detected.
    """

    first_frame: int
    num_frames: int
    track: FaceTrack | None


class FaceStream(Protocol):
    """The faces of one open video.

    Attributes:
        faces: the main one first.
        num_frames: of the video.
        notes: what is odd about it.
    """

    faces: list[FaceSpan]
    num_frames: int
    notes: list[str]

    def limit_window(self, window_frames: int) -> int:
        """Shorten a window to what may be held in memory."""
        ...

    def read(
        self, plans: Sequence[SnippetPlan | None], tell: Tell
    ) -> Iterator[tuple[int, SnippetGroup, PackedGroup]]:
        """Read the video and pack every group as soon as its frames are there.

        Args:
            plans: one a face; None where nothing of it is wanted.
            tell: is told how far it is.

        Yields:
            Place of the face, group, and the group packed, its crop boxes in pixels of
            the source frame.
        """
        ...

    def close(self) -> None:
        """Let go of the video; nothing can be read any more."""
        ...


class DetectedFaces:
    """The faces of a video by detector and tracker; see `FaceStream`.

    Args:
        source: the video.
        pipeline: of the config.
        detector: finds faces.
        settings: of the preparation.
        tell: is told how far the search is.

    Raises:
        DataError: the video cannot be decoded to its end.
    """

    def __init__(
        self,
        source: VideoFile,
        pipeline: ConfigPipeline,
        detector: FaceDetector,
        settings: PreparationSettings,
        tell: Tell,
    ) -> None:
        self._source = source
        self._pipeline = pipeline
        self._settings = settings
        found = detect_faces(_ToldFrames(source, FIND, tell), detector, settings)
        self._cuts = found.cuts
        self.num_frames = found.num_frames
        self.notes = [*source.notes]
        if found.num_small:
            self.notes.append(
                f'{found.num_small} faces smaller than {settings.min_face_px} pixels '
                'were left out'
            )
        self.faces = [
            FaceSpan(cut.track.first_frame, len(cut.track), cut.track)
            for cut in self._cuts
        ]

    def limit_window(self, window_frames: int) -> int:
        """See `FaceStream`: encoded pictures are small."""
        return window_frames

    def close(self) -> None:
        """See `FaceStream`."""
        self._source.close()

    def read(
        self, plans: Sequence[SnippetPlan | None], tell: Tell
    ) -> Iterator[tuple[int, SnippetGroup, PackedGroup]]:
        """See `FaceStream`."""
        kept = {
            which: _KeptFace(self._cuts[which], plan, self._settings, self._pipeline)
            for which, plan in enumerate(plans)
            if plan is not None
        }
        told = _ToldFrames(self._source, SCORE, tell, self.num_frames)
        num_frames = 0
        for index, pictures in cut_frames(told.read_unconverted(), self._cuts):
            num_frames = index + 1
            for which, picture in pictures.items():
                if which in kept:
                    for group, packed in kept[which].add(picture):
                        yield which, group, packed
        if num_frames != self.num_frames:
            raise DataError(
                f'video {self._source.path.name!r} gave {self.num_frames} frames when '
                f'it was read first and {num_frames} the second time'
            )


class _KeptFace:
    """The frames of one face that some group still needs, as they would be stored."""

    def __init__(
        self,
        cut: Cut,
        plan: SnippetPlan,
        settings: PreparationSettings,
        pipeline: ConfigPipeline,
    ) -> None:
        self._format = FORMATS[settings.clip_format]
        quality = settings.clip_quality
        self._quality = self._format.qualities[1] if quality is None else quality
        self._pipeline = pipeline
        stored = cut.stored_track(len(cut.track))
        self._boxes = stored.boxes_in_clip()
        self._scale = stored.scale
        self._origin = np.tile(np.array(stored.region[:2], float), 2)
        self._borders = plan.borders
        self._waiting = sorted(plan.groups, key=lambda group: group.frame_indices[-1])
        self._wanted = set(np.concatenate([g.frame_indices for g in plan.groups]))
        self._test_frames = {
            int(index)
            for group in plan.groups
            if group.is_test
            for index in group.frame_indices
        }
        self._frames: dict[int, bytes] = {}
        self._window = 0
        self._next = 0

    def add(self, picture: Frames) -> Iterator[tuple[SnippetGroup, PackedGroup]]:
        """Take the next frame; give the groups that it makes complete."""
        index, self._next = self._next, self._next + 1
        if index == self._borders[self._window + 1]:
            self._window += 1
            # No group of an earlier window is left, but the test's frames are.
            self._frames = {
                i: frame for i, frame in self._frames.items() if i in self._test_frames
            }
        if index in self._wanted:
            self._frames[index] = self._format.encode(picture, self._quality)
        while self._waiting and self._waiting[0].frame_indices[-1] <= index:
            group = self._waiting.pop(0)
            reader = KeptFrames(self._frames, self._decode, len(self._boxes))
            packed = self._pipeline.pack(reader, group.frame_indices, self._boxes)
            boxes = packed.crop_boxes / self._scale + self._origin
            yield group, PackedGroup(packed.inputs, boxes)

    def _decode(self, content: bytes) -> Frames:
        frame = self._format.decode(content)
        assert frame is not None  # encoded a moment ago
        return frame


class WholeFrames:
    """A video whose config crops by itself, as one face; see `FaceStream`.

    Args:
        source: the video.
        pipeline: of the config.
        decoder: opens the video once more, to be read as datasets read it.

    Raises:
        DataError: the config's decoder cannot open it.
    """

    def __init__(
        self, source: VideoFile, pipeline: ConfigPipeline, decoder: VideoDecoder
    ) -> None:
        source.close()  # it has told what is wanted of it
        self._pipeline = pipeline
        self._frame_bytes = source.height * source.width * 3
        self._reader = decoder.open_reader(
            str(source.path), num_threads=pipeline.num_threads
        )
        self.num_frames = len(self._reader)
        self.notes = [*source.notes]
        self.faces = [FaceSpan(0, self.num_frames, None)]

    def limit_window(self, window_frames: int) -> int:
        """See `FaceStream`: at most 256 MiB of frames, or one group."""
        return min(window_frames, max(1, _MAX_WINDOW_BYTES // self._frame_bytes))

    def close(self) -> None:
        """See `FaceStream`."""
        self._reader.close()

    def read(
        self, plans: Sequence[SnippetPlan | None], tell: Tell
    ) -> Iterator[tuple[int, SnippetGroup, PackedGroup]]:
        """See `FaceStream`."""
        (plan,) = plans
        if plan is None:
            return
        windows: dict[int, list[SnippetGroup]] = {}
        for group in plan.groups:
            windows.setdefault(group.window, []).append(group)
        for window, groups in windows.items():
            wanted = np.unique(np.concatenate([g.frame_indices for g in groups]))
            frames = dict(zip(wanted.tolist(), self._reader.read(wanted), strict=True))
            reader = KeptFrames(frames, lambda frame: frame, self.num_frames)
            for group in groups:
                yield 0, group, self._pipeline.pack(reader, group.frame_indices, None)
            if window >= 0:
                tell(SCORE, int(plan.borders[window + 1]), self.num_frames)
        self.notes += self._reader.notes


class _ToldFrames:
    """A video file that says now and then how far it has been read."""

    def __init__(
        self, source: VideoFile, stage: str, tell: Tell, total: int | None = None
    ) -> None:
        self._source = source
        self._stage = stage
        self._tell = tell
        self._total = total or source.num_packets or None
        self.height, self.width = source.height, source.width

    def read_unconverted(self) -> Iterator[SourceFrame]:
        """See `FrameSource.read_unconverted`."""
        num_frames = 0
        for frame in self._source.read_unconverted():
            if num_frames % _FRAMES_BETWEEN_WORDS == 0:
                self._tell(self._stage, num_frames, self._total)
            num_frames += 1
            yield frame
        self._tell(self._stage, num_frames, num_frames)


class FrameTimes:
    """When the frames of a video are shown, in seconds.

    Args:
        source: the video.
    """

    def __init__(self, source: VideoFile) -> None:
        self.fps = source.fps or UNKNOWN_FPS
        self._known: NDArray[np.float64] | None = None
        if source.times_seconds:
            end = source.times_seconds[-1] + 1 / self.fps
            self._known = np.array([*source.times_seconds, end])

    def __getitem__(self, frame: int) -> float:
        """Give the time of a frame; that of the one after the last is the end."""
        if self._known is None:
            return round(frame / self.fps, 6)
        return round(float(self._known[min(frame, len(self._known) - 1)]), 6)


def open_video(path: Path, decoder: VideoDecoder | None = None) -> VideoFile:
    """Open a raw video; see `VideoFile` for what is refused.

    Args:
        path: of the video.
        decoder: None decodes in a process of its own.
    """
    if path.is_dir():
        raise DataError(f'{str(path)!r} is a folder, no video file')
    return (decoder or shared_decoder()).open_video(path)
