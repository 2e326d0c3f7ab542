"""The faces of a raw video of any length, read in bounded memory.

The config's test data decide between two kinds of stream:

- Prepared face clips: the video is processed as in the preparation, with detection and
  tracking in a first pass, cutting in a second, and the encoder of stored clips for
  each cut frame. Nothing is written; one window of a face is kept at a time, encoded.
- Full frames, which the pipeline crops: there is one "face", the square that the config
  crops, and frames are read by the config's decoder.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError
from mmdeepfake.faces.detection import FaceDetector
from mmdeepfake.faces.face_region import Cut
from mmdeepfake.files.printable_text import count_noun
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

FIND, SCORE = 'find faces', 'score'
_FRAMES_BETWEEN_REPORTS = 25
# All full frames of a window are held at once; larger frames make shorter windows.
_MAX_WINDOW_BYTES = 256 << 20

Report = Callable[[str, int, 'int | None'], None]  # stage, frames done, total


@dataclass(frozen=True, eq=False)
class FaceSpan:
    """One face of a video before it is scored; a crop of the config has no track."""

    first_frame: int
    num_frames: int
    track: FaceTrack | None


class FaceStream(ABC):
    """The faces of one open video.

    Attributes:
        faces: the main one first.
        num_frames: of the video.
        notes: warnings about it.
    """

    faces: list[FaceSpan]
    num_frames: int
    notes: list[str]

    def limit_window(self, window_frames: int) -> int:
        """Return the window length, limited by the memory that it needs."""
        return window_frames  # encoded frames are small

    @abstractmethod
    def close(self) -> None:
        """Close the video."""

    @abstractmethod
    def read(
        self, plans: Sequence[SnippetPlan | None], report: Report
    ) -> Iterator[tuple[int, SnippetGroup, PackedGroup]]:
        """Read the video and pack every group as soon as its frames are read.

        Args:
            plans: one per face; None skips a face.
            report: called with the progress.

        Yields:
            Index of the face, group, and the packed group with crop boxes in pixels of
            the source frame.
        """


class DetectedFaces(FaceStream):
    """The detected and tracked faces of a video; see `FaceStream`.

    Raises:
        DataError: the video cannot be decoded to its end.
    """

    def __init__(
        self,
        source: VideoFile,
        pipeline: ConfigPipeline,
        detector: FaceDetector,
        settings: PreparationSettings,
        report: Report,
    ) -> None:
        self._source = source
        self._pipeline = pipeline
        self._settings = settings
        found = detect_faces(_ReportedFrames(source, FIND, report), detector, settings)
        self._cuts = found.cuts
        self.num_frames = found.num_frames
        self.notes = [*source.notes]
        if found.num_small:
            self.notes.append(
                f'skipped {count_noun(found.num_small, "face")} smaller than '
                f'{settings.min_face_px} pixels'
            )
        self.faces = [
            FaceSpan(cut.track.first_frame, len(cut.track), cut.track)
            for cut in self._cuts
        ]

    def close(self) -> None:
        """See `FaceStream`."""
        self._source.close()

    def read(
        self, plans: Sequence[SnippetPlan | None], report: Report
    ) -> Iterator[tuple[int, SnippetGroup, PackedGroup]]:
        """See `FaceStream`."""
        kept = {
            which: _KeptFace(self._cuts[which], plan, self._settings, self._pipeline)
            for which, plan in enumerate(plans)
            if plan is not None
        }
        frames = _ReportedFrames(self._source, SCORE, report, self.num_frames)
        num_frames = 0
        for frame in frames.read_unconverted():
            for which, face in kept.items():
                if face.cut.is_in(num_frames):
                    for group, packed in face.add(frame):
                        yield which, group, packed
            num_frames += 1
        if num_frames != self.num_frames:
            raise DataError(
                f'video {self._source.path.name!r} had {self.num_frames} frames in the '
                f'first pass and {num_frames} in the second'
            )


class _KeptFace:
    """The frames of one face that later groups need, encoded as in a stored clip."""

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
        self.cut = cut
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

    def add(self, frame: SourceFrame) -> Iterator[tuple[SnippetGroup, PackedGroup]]:
        """Add the next frame with the face; yield the groups that are now complete."""
        index, self._next = self._next, self._next + 1
        if index == self._borders[self._window + 1]:
            self._window += 1
            # Groups of earlier windows are done, except for that of the test.
            self._frames = {
                i: kept for i, kept in self._frames.items() if i in self._test_frames
            }
        if index in self._wanted:
            crop = self.cut.region.cut(frame)
            self._frames[index] = self._format.encode(crop, self._quality)
        while self._waiting and self._waiting[0].frame_indices[-1] <= index:
            group = self._waiting.pop(0)
            reader = KeptFrames(self._frames, self._decode, len(self._boxes))
            packed = self._pipeline.pack(reader, group.frame_indices, self._boxes)
            boxes = packed.crop_boxes / self._scale + self._origin
            yield group, PackedGroup(packed.inputs, boxes)

    def _decode(self, content: bytes) -> Frames:
        frame = self._format.decode(content)
        assert frame is not None  # it was encoded here
        return frame


class WholeFrames(FaceStream):
    """A video that the config crops itself, as one face; see `FaceStream`.

    It is opened again, to be read as datasets read it.

    Raises:
        DataError: it cannot be opened.
    """

    def __init__(
        self, source: VideoFile, pipeline: ConfigPipeline, decoder: VideoDecoder
    ) -> None:
        source.close()  # only its metadata were needed
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
        self, plans: Sequence[SnippetPlan | None], report: Report
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
                report(SCORE, int(plan.borders[window + 1]), self.num_frames)
        self.notes += self._reader.notes


class _ReportedFrames:
    """A video file that reports progress while it is read."""

    def __init__(
        self, source: VideoFile, stage: str, report: Report, total: int | None = None
    ) -> None:
        self._source = source
        self._stage = stage
        self._report = report
        self._total = total or source.num_packets or None
        self.height, self.width = source.height, source.width

    def read_unconverted(self) -> Iterator[SourceFrame]:
        """See `FrameSource.read_unconverted`."""
        num_frames = 0
        for frame in self._source.read_unconverted():
            if num_frames % _FRAMES_BETWEEN_REPORTS == 0:
                self._report(self._stage, num_frames, self._total)
            num_frames += 1
            yield frame
        self._report(self._stage, num_frames, num_frames)


class FrameTimes:
    """Presentation times of the frames of a video, in seconds."""

    def __init__(self, source: VideoFile) -> None:
        self.fps = source.fps or UNKNOWN_FPS
        self._known: NDArray[np.float64] | None = None
        if source.times_seconds:
            end = source.times_seconds[-1] + 1 / self.fps
            self._known = np.array([*source.times_seconds, end])

    def __getitem__(self, frame: int) -> float:
        """Return the time of a frame; the one after the last has the end time."""
        if self._known is None:
            return round(frame / self.fps, 6)
        return round(float(self._known[min(frame, len(self._known) - 1)]), 6)


def open_video(path: Path, decoder: VideoDecoder | None = None) -> VideoFile:
    """Open a raw video; without a decoder in a separate process."""
    if path.is_dir():
        raise DataError(f'{str(path)!r} is a folder, not a video file')
    return (decoder or shared_decoder()).open_video(path)
