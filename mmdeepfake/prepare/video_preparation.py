"""From one source video to its finished folder in the output.

Pass 1 decodes every frame and tracks the faces; pass 2 decodes again and stores them.
Pass 1 is skipped if the boxes are known: those of the real video that a fake's frames
come from, those of an imported file, or the whole frame where the frames are faces.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import ConfigError, DataError, InputError, OutputError
from mmdeepfake.faces.face_region import Cut
from mmdeepfake.faces.landmarks import find_landmarks
from mmdeepfake.faces.track_choice import choose_dominant
from mmdeepfake.files.atomic_write import FULL_DISK_ERRORS, is_about
from mmdeepfake.files.printable_text import hide_folders
from mmdeepfake.layouts.source_video import SourceVideo
from mmdeepfake.structures import FAILED, NO_FACE, OK, FaceTrack, VideoRecord
from mmdeepfake.video.clip_storage import CLIP_SUFFIX, open_clip
from mmdeepfake.video.frame_sources import FrameSource, NumberedImages, open_frames
from mmdeepfake.video.watched_frames import WatchedFrames

from .clip_cutting import MASK_FORMAT, fit_masks, write_clips
from .face_finding import FoundFaces, detect_faces, find_known_faces
from .prepared_video import (
    PreparedVideo,
    VideoFacts,
    partner_state,
    publish,
    source_name,
)
from .worker_context import WorkerContext


def prepare_video(
    video: SourceVideo, context: WorkerContext, *, unpacked: Path | None = None
) -> PreparedVideo:
    """Prepare one video and put its finished folder into the output.

    Any error of the video becomes its record: one odd file must not stop a run of a
    week. Errors of the output or the settings are raised.

    Args:
        video: which one.
        context: see `WorkerContext`.
        unpacked: folder of its frames, if they were unpacked from an archive.

    Raises:
        OutputError: the disk is full or not writable.
        ConfigError: a package for the detector or the landmarks is missing.
    """
    made = context.partial / f'video-{uuid.uuid4().hex}'
    try:
        os.makedirs(made)
        try:
            done = _VideoJob(video, context, made).run(unpacked)
        except (ConfigError, OutputError):
            raise
        except Exception as error:
            if _is_of_output(error, made, context):
                raise
            fault = describe_error(error)
            if unpacked is not None:
                fault = hide_folders(fault, unpacked)
            done = record_fault(video, context, fault)
            shutil.rmtree(made)
            os.makedirs(made)
        done.save(made)
        publish(made, context.out, video.key)
    except OSError as error:
        if not _is_of_output(error, made, context):
            raise
        raise output_error(context.out.root, error) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return done


def _is_of_output(error: BaseException, made: Path, context: WorkerContext) -> bool:
    """Return whether an error is one of writing the output, mostly by its file name.

    Frames unpacked from an archive are in the output folder too, but are only read.
    """
    if not isinstance(error, OSError):
        return False
    places = [made.absolute(), context.out.clips.absolute()]
    return is_disk_error(error) or is_about(error, places)


def is_disk_error(error: BaseException) -> bool:
    """Return whether an error is one of the output's disk, which ends the run."""
    return isinstance(error, OSError) and error.errno in FULL_DISK_ERRORS


def output_error(out: Path, error: OSError) -> OutputError:
    """Return the error for an output that cannot be written to."""
    return OutputError(
        f'{str(out)!r} cannot be written to: {os.strerror(error.errno or 0)}. No '
        'partial file is left; make room and run the same command again to go on'
    )


def describe_error(error: Exception) -> str:
    """Return the message of an expected error; with its type, of an unexpected one."""
    text = str(error) or 'no message'
    expected = isinstance(error, InputError)
    return text if expected else f'{type(error).__name__}: {text}'


def record_fault(
    video: SourceVideo, context: WorkerContext, fault: str
) -> PreparedVideo:
    """Return the record of a video that failed, without absolute paths."""
    fault = hide_folders(fault, context.root, context.partial)
    record = VideoRecord(
        video.key,
        '',
        video.split,
        video.identities,
        status=FAILED,
        fault=' '.join(fault.split()),  # without line breaks
        source=source_name(video, context.root),
    )
    facts = VideoFacts(
        num_bytes=size_of(video.path),
        partner_state=partner_state(video, context.out, context.settings),
    )
    return PreparedVideo((record,), facts, context.fingerprint, tuple(video.sources))


def size_of(path: Path) -> int:
    """Return the size of a file in bytes, 0 for a folder and a missing file."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


class _VideoJob:
    """Prepares one video into the folder `made`."""

    def __init__(self, video: SourceVideo, context: WorkerContext, made: Path) -> None:
        self.video = video
        self.context = context
        self.settings = context.settings
        self.made = made
        self.notes: list[str] = []

    def run(self, unpacked: Path | None) -> PreparedVideo:
        """Write all files but the record, and return that."""
        frames: FrameSource = (
            open_frames(self.video.path)
            if unpacked is None
            else NumberedImages(unpacked)
        )
        frames = WatchedFrames(frames, self.context.report_progress)
        found, tracks, num_frames = self._find_and_store(frames)
        masks = self._store_masks(found, tracks, frames)
        landmarks = [self._store_landmarks(k, t) for k, t in enumerate(tracks)]
        return PreparedVideo(
            self._records(tracks, frames, masks, landmarks),
            self._gather_facts(found, tracks, frames, num_frames),
            self.context.fingerprint,
            tuple(self.video.sources),
        )

    def _find_and_store(
        self, frames: FrameSource
    ) -> tuple[FoundFaces, list[FaceTrack], int]:
        """Find the faces and store them; see `_store`."""
        found, reason = find_known_faces(self.video, frames, self.context)
        if found is not None:
            tracks, num_frames = self._store(found, frames)
            if found.is_aligned_with(num_frames):
                return found, tracks, num_frames
            reason = f'boxes for {found.num_frames} frames, {num_frames} in the video'
        if reason:
            self.notes.append(f'detected on its own: {reason}')
        found = detect_faces(frames, self.context.detector, self.settings)
        tracks, num_frames = self._store(found, frames)
        if num_frames != found.num_frames:
            raise DataError(
                f'{str(self.video.path)!r} had {found.num_frames} frames when it was '
                f'read first and {num_frames} the second time'
            )
        return found, tracks, num_frames

    def _store(
        self, found: FoundFaces, frames: FrameSource
    ) -> tuple[list[FaceTrack], int]:
        """Write the clips and tracks.

        Returns:
            The stored tracks, in pixels of the source, and its number of frames.
        """
        shutil.rmtree(self.made)
        os.makedirs(self.made)
        cuts = self._sort_cuts(found, frames)
        stems = [self.made / f'cut_{which}' for which in range(len(cuts))]
        lengths, num_frames = write_clips(
            frames.read_unconverted(),
            cuts,
            stems,
            format=self.settings.clip_format,
            quality=self.settings.clip_quality,
            fps=frames.fps,
            times_seconds=frames.times_seconds,
        )
        tracks: list[FaceTrack] = []
        for cut, stem, length in zip(cuts, stems, lengths, strict=True):
            # Tracks of a longer partner may start only after the end of this video.
            if length:
                tracks.append(cut.stored_track(length))
                name = self.made / f'track_{len(tracks) - 1}'
                os.rename(f'{stem}{CLIP_SUFFIX}', f'{name}{CLIP_SUFFIX}')
                tracks[-1].save(f'{name}.npz')
        return tracks, num_frames

    def _sort_cuts(self, found: FoundFaces, frames: FrameSource) -> list[Cut]:
        """Put the manipulated face first, if there is a mask."""
        masks = self._open_masks()
        if masks is None or len(found.cuts) < 2:
            return found.cuts
        cut_of = {id(cut.track): cut for cut in found.cuts}
        try:
            tracks = choose_dominant(
                [cut.track for cut in found.cuts],
                masks.read(),
                num_frames=found.num_frames,
                frame_size=(frames.height, frames.width),
            )
        except InputError as error:
            self._note(f'without a mask: {error}')
            return found.cuts
        return [cut_of[id(track)] for track in tracks]

    def _open_masks(self) -> FrameSource | None:
        """Open the video of manipulated pixels; note a broken one and skip it."""
        if self.video.mask is None or not self.settings.masks:
            return None
        try:
            masks = open_frames(self.video.mask)
            return WatchedFrames(masks, self.context.report_progress)
        except InputError as error:
            self._note(f'without a mask: {error}')
            return None

    def _store_masks(
        self, found: FoundFaces, tracks: list[FaceTrack], frames: FrameSource
    ) -> list[bool]:
        """Cut the masks like the faces; return which tracks have one."""
        masks = self._open_masks()
        if masks is None or not tracks:
            return [False] * len(tracks)
        stems = [self.made / f'track_{which}_mask' for which in range(len(tracks))]
        try:
            lengths, _ = write_clips(
                fit_masks(masks.read(), height=frames.height, width=frames.width),
                [Cut.of_stored(track) for track in tracks],
                stems,
                format=MASK_FORMAT,
                quality=None,
                fps=frames.fps,
            )
        except InputError as error:
            self._note(f'without a mask: {error}')
            for stem in stems:
                Path(f'{stem}{CLIP_SUFFIX}').unlink(missing_ok=True)
            return [False] * len(tracks)
        for which, (track, length) in enumerate(zip(tracks, lengths, strict=True)):
            if length < len(track):
                self._note(
                    f'the mask ends early: {length} of {len(track)} frames of track '
                    f'{which} have one'
                )
        return [length > 0 for length in lengths]

    def _store_landmarks(self, which: int, track: FaceTrack) -> bool:
        """Find 68 points in the frames of a stored clip, in pixels of the clip."""
        if not self.settings.landmarks:
            return False
        in_clip = replace(
            track,
            boxes=track.boxes_in_clip(),
            points=track.points_in_clip(),
            region=None,
            scale=1.0,
        )
        stem = self.made / f'track_{which}'
        points = find_landmarks(self._read_clip(f'{stem}{CLIP_SUFFIX}'), in_clip)
        with open(f'{stem}_landmarks.npz', 'wb') as file:
            np.savez(file, points=points)
        return True

    def _read_clip(self, path: str) -> Iterator[NDArray[np.uint8]]:
        with open_clip(path) as clip:
            for index in range(len(clip)):
                self.context.report_progress()
                yield clip.read([index])[0]

    def _gather_facts(
        self,
        found: FoundFaces,
        tracks: list[FaceTrack],
        frames: FrameSource,
        num_frames: int,
    ) -> VideoFacts:
        if found.num_small and not tracks:
            self._note(
                f'{found.num_small} faces, all smaller than '
                f'{self.settings.min_face_px} pixels'
            )
        for note in frames.notes:
            self._note(note)
        return VideoFacts(
            num_frames=num_frames,
            height=frames.height,
            width=frames.width,
            origin=found.origin,
            partner_state=partner_state(self.video, self.context.out, self.settings),
            num_tracks=len(tracks),
            num_people=count_people(tracks),
            num_small=found.num_small,
            num_boxes=sum(map(len, tracks)),
            num_interpolated=sum(int((~track.detected).sum()) for track in tracks),
            num_scene_cuts=found.num_scene_cuts,
            variable_rate=bool(frames.times_seconds),
            x264_crf=frames.x264_crf,
            num_bytes=size_of(self.video.path),
            sha256=frames.content_hash(),
            notes=tuple(self.notes),
        )

    def _records(
        self,
        tracks: list[FaceTrack],
        frames: FrameSource,
        masks: list[bool],
        landmarks: list[bool],
    ) -> tuple[VideoRecord, ...]:
        video = self.video
        folder = self.context.out.folder_of(video.key)
        place = folder.relative_to(self.context.out.root).as_posix()
        blank = VideoRecord(
            video.key,
            '',
            video.split,
            video.identities,
            fps=None if frames.fps is None else round(frames.fps, 6),
            status=NO_FACE,
            source=source_name(video, self.context.root),
        )
        if not tracks:
            return (blank,)
        records = []
        for which, track in enumerate(tracks):
            stem = f'{place}/track_{which}'
            record = replace(
                blank,
                status=OK,
                path=f'{stem}{CLIP_SUFFIX}',
                num_frames=len(track),
                landmarks=f'{stem}_landmarks.npz' if landmarks[which] else None,
                mask=f'{stem}_mask{CLIP_SUFFIX}' if masks[which] else None,
                track=which,
                track_file=f'{stem}.npz',
            )
            records.append(record)
        return tuple(records)

    def _note(self, text: str) -> None:
        text = hide_folders(text, self.context.root, self.context.partial)
        if text not in self.notes:
            self.notes.append(text)


def count_people(tracks: Sequence[FaceTrack]) -> int:
    """Return the maximum number of tracks that have a box in one frame."""
    # That many faces are first seen where one of them starts.
    return max((_count_at(tracks, track.first_frame) for track in tracks), default=0)


def _count_at(tracks: Sequence[FaceTrack], frame: int) -> int:
    return sum(0 <= frame - track.first_frame < len(track) for track in tracks)
