"""From one source video to its finished folder in the output.

Pass 1 decodes every frame and follows the faces; pass 2 decodes again and stores what
is around them. Pass 1 is left out where boxes are known already: those of the real
video that a fake's frames come from, those of an imported file, or the whole picture
where the frames are faces.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import ConfigError, DataError, InputError, OutputError
from mmdeepfake.faces.landmarks import find_landmarks
from mmdeepfake.faces.track_choice import choose_dominant
from mmdeepfake.files.atomic_write import FULL_DISK_ERRORS, is_about
from mmdeepfake.files.printable_text import hide_folders
from mmdeepfake.layouts.source_video import SourceVideo
from mmdeepfake.structures import NO_FACE, FaceTrack, VideoRecord
from mmdeepfake.video.clip_storage import CLIP_SUFFIX, open_clip
from mmdeepfake.video.frame_sources import FrameSource, NumberedImages, open_frames
from mmdeepfake.video.watched_frames import WatchedFrames

from .clip_cutting import MASK_FORMAT, Cut, fit_masks, write_clips
from .face_finding import FoundFaces, detect_faces, find_known_faces
from .prepared_video import (
    PreparedVideo,
    VideoFacts,
    failed_video,
    partner_state,
    publish,
    source_name,
)
from .worker_context import WorkerContext


def prepare_video(
    video: SourceVideo, context: WorkerContext, *, unpacked: Path | None = None
) -> PreparedVideo:
    """Prepare one video and put its finished folder into the output.

    What is wrong with the video becomes its record: one strange file must not stop a
    run of a week. What is wrong with the output or the settings is raised.

    Args:
        video: which one.
        context: see `WorkerContext`.
        unpacked: where its frames were unpacked to, if they are in an archive.

    Raises:
        OutputError: the disk is full, or cannot be written to.
        ConfigError: the detector or the landmarks lack a package.
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
    """Whether an error is one of the output, whose name it bears in most cases.

    Frames that were unpacked from an archive lie in the output too, but are read.
    """
    if not isinstance(error, OSError):
        return False
    places = [made.absolute(), context.out.clips.absolute()]
    return is_disk_error(error) or is_about(error, places)


def is_disk_error(error: BaseException) -> bool:
    """Whether an error is one of the output's disk, not of a video.

    Going on would only fail every video that is left.
    """
    return isinstance(error, OSError) and error.errno in FULL_DISK_ERRORS


def output_error(out: Path, error: OSError) -> OutputError:
    """Say that the output cannot be written to, and what to do."""
    return OutputError(
        f'{str(out)!r} cannot be written to: {os.strerror(error.errno or 0)}. No half '
        'file is left there; make room and run the same command again to go on'
    )


def describe_error(error: Exception) -> str:
    """Give the message of an expected fault, with its kind before an unexpected one."""
    text = str(error) or 'no message'
    expected = isinstance(error, InputError)
    return text if expected else f'{type(error).__name__}: {text}'


def record_fault(
    video: SourceVideo, context: WorkerContext, fault: str
) -> PreparedVideo:
    """Give the record of a video that failed, without paths of this machine."""
    fault = hide_folders(fault, context.root, context.partial)
    num_bytes = size_of(video.path)
    return failed_video(
        video,
        fault,
        source=source_name(video, context.root),
        fingerprint=context.fingerprint,
        facts=VideoFacts(
            num_bytes=num_bytes,
            partner_state=partner_state(video, context.out, context.settings),
        ),
    )


def size_of(path: Path) -> int:
    """Bytes of a file, 0 for a folder and for what is not there."""
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
        """Write all files but the result, and give that."""
        if unpacked is not None:
            frames: FrameSource = NumberedImages(unpacked)
        else:
            frames = open_frames(self.video.path)
        frames = WatchedFrames(frames, self.context.report_progress)
        found, why = find_known_faces(self.video, frames, self.context)
        stored = None
        if found is not None:
            stored, num_frames = self._store(found, frames)
            if not found.is_aligned_with(num_frames):
                why = (
                    f'boxes for {found.num_frames} frames, {num_frames} in the video',
                )
                found = None
        if found is None:
            self.notes += [f'detected on its own: {reason}' for reason in why]
            found = detect_faces(frames, self.context.detector, self.settings)
            stored, num_frames = self._store(found, frames)
            if num_frames != found.num_frames:
                raise DataError(
                    f'{str(self.video.path)!r} gave {found.num_frames} frames when it '
                    f'was read first and {num_frames} the second time'
                )
        masks = self._store_masks(found, stored, frames)
        landmarks = [self._store_landmarks(k, t) for k, t in enumerate(stored)]
        facts = self._gather_facts(found, stored, frames, num_frames)
        return PreparedVideo(
            self._records(stored, frames, masks, landmarks),
            facts,
            self.context.fingerprint,
            tuple(self.video.sources),
        )

    def _store(
        self, found: FoundFaces, frames: FrameSource
    ) -> tuple[list[FaceTrack], int]:
        """Cut out and write the clips and tracks; give the tracks as they are stored.

        Returns:
            The tracks in pixels of the source, and the number of frames that it has.
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
            # Boxes of a longer video may begin only after this one has ended.
            if length:
                tracks.append(cut.stored_track(length))
                name = self.made / f'track_{len(tracks) - 1}'
                os.rename(f'{stem}{CLIP_SUFFIX}', f'{name}{CLIP_SUFFIX}')
                tracks[-1].save(f'{name}.npz')
        return tracks, num_frames

    def _sort_cuts(self, found: FoundFaces, frames: FrameSource) -> list[Cut]:
        """Put the manipulated face first, where a mask tells which one it is."""
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
        """Open the video of manipulated pixels; a broken one is noted, no more."""
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
        """Cut the masks like the faces; tell which tracks have one."""
        masks = self._open_masks()
        if masks is None or not tracks:
            return [False] * len(tracks)
        cuts = [Cut.of_stored(track) for track in tracks]
        stems = [self.made / f'track_{which}_mask' for which in range(len(tracks))]
        try:
            lengths, _ = write_clips(
                fit_masks(masks.read(), height=frames.height, width=frames.width),
                cuts,
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
        """Find 68 points on the frames of a stored clip, in pixels of the clip."""
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
        frames = self._read_clip(f'{stem}{CLIP_SUFFIX}')
        points = find_landmarks(frames, in_clip)
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
        for note in (*frames.notes, *found.notes):
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
        fps = None if frames.fps is None else round(frames.fps, 6)
        nothing = VideoRecord(
            video.key,
            '',
            video.split,
            video.identities,
            fps=fps,
            status=NO_FACE,
            source=source_name(video, self.context.root),
        )
        if not tracks:
            return (nothing,)
        return tuple(
            VideoRecord(
                video.key,
                f'{place}/track_{which}{CLIP_SUFFIX}',
                video.split,
                video.identities,
                fps=fps,
                num_frames=len(track),
                landmarks=f'{place}/track_{which}_landmarks.npz' if pointed else None,
                mask=f'{place}/track_{which}_mask{CLIP_SUFFIX}' if masked else None,
                track=which,
                track_file=f'{place}/track_{which}.npz',
                source=nothing.source,
            )
            for which, (track, masked, pointed) in enumerate(
                zip(tracks, masks, landmarks, strict=True)
            )
        )

    def _note(self, text: str) -> None:
        text = hide_folders(text, self.context.root, self.context.partial)
        if text not in self.notes:
            self.notes.append(text)


def count_people(tracks: list[FaceTrack]) -> int:
    """Count the most faces that are seen in one frame."""
    steps = [(t.first_frame, 1) for t in tracks]
    steps += [(t.first_frame + len(t), -1) for t in tracks]
    most = now = 0
    # An end sorts before a beginning at the same frame, since -1 < 1.
    for _, step in sorted(steps):
        now += step
        most = max(most, now)
    return most
