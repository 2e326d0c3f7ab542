"""Finds the faces of a video: with a detector, or from known boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmdeepfake.faces.detection import FaceDetector
from mmdeepfake.faces.face_region import Cut, choose_region, whole_region
from mmdeepfake.faces.tracking import track_faces
from mmdeepfake.layouts.source_video import SourceVideo
from mmdeepfake.structures import OK, FaceTrack
from mmdeepfake.video.frame_sources import FrameSource

from .preparation_settings import PreparationSettings
from .prepared_video import DETECTED, IMPORTED, PARTNER, WHOLE, PreparedVideo
from .worker_context import WorkerContext

# The lengths of a fake and its real video may differ by this many frames, or by this
# share; beyond it their frames are not assumed to correspond.
_LENGTH_TOLERANCE_FRAMES = 5
_LENGTH_TOLERANCE_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class FoundFaces:
    """The faces of one video.

    Attributes:
        cuts: what to store, the dominant face first.
        origin: where the boxes come from, one of `prepared_video.ORIGINS`.
        num_frames: of the video that the boxes are for.
        num_small: tracks dropped for being too small.
        num_scene_cuts: of a video that was detected.
    """

    cuts: list[Cut]
    origin: str
    num_frames: int
    num_small: int = 0
    num_scene_cuts: int = 0

    def is_aligned_with(self, num_frames: int) -> bool:
        """Return whether the boxes can be for a video of `num_frames`."""
        allowed = max(
            _LENGTH_TOLERANCE_FRAMES, _LENGTH_TOLERANCE_SHARE * self.num_frames
        )
        return abs(num_frames - self.num_frames) <= allowed


def find_known_faces(
    video: SourceVideo, frames: FrameSource, context: WorkerContext
) -> tuple[FoundFaces | None, str]:
    """Find boxes that need no detector.

    Returns:
        The faces, or None if the detector is needed; and why boxes that were expected
        are missing.
    """
    if video.is_cropped:
        return _whole_frames(frames), ''
    if context.imported_boxes:
        return _imported_faces(video, frames, context)
    if context.settings.reuse_boxes and video.partner is not None:
        return _partner_faces(video, frames, context)
    return None, ''


def detect_faces(
    frames: FrameSource, detector: FaceDetector, settings: PreparationSettings
) -> FoundFaces:
    """Read the video once, with the detector and the tracker."""
    result = track_faces(frames.read_unconverted(), detector, settings.tracking)
    cuts, num_small = _plan_cuts(result.tracks, frames, settings)
    return FoundFaces(
        cuts, DETECTED, result.num_frames, num_small, len(result.scene_cuts)
    )


def _plan_cuts(
    tracks: Sequence[FaceTrack], frames: FrameSource, settings: PreparationSettings
) -> tuple[list[Cut], int]:
    cuts = []
    for track in tracks:
        sides = (track.boxes[:, 2:] - track.boxes[:, :2]).max(axis=1)
        if np.median(sides) >= settings.min_face_px:
            region = choose_region(
                track.boxes,
                height=frames.height,
                width=frames.width,
                margin_ratio=settings.margin_ratio,
                face_px=settings.face_px,
            )
            cuts.append(Cut(track, region))
    return cuts, len(tracks) - len(cuts)


def _whole_frames(frames: FrameSource) -> FoundFaces:
    region = whole_region(height=frames.height, width=frames.width)
    num_frames = sum(1 for _ in frames.read_unconverted())
    boxes = np.tile(np.array(region.x1y1x2y2_px, np.float32), (num_frames, 1))
    return FoundFaces([Cut(FaceTrack(boxes), region)], WHOLE, num_frames)


def _imported_faces(
    video: SourceVideo, frames: FrameSource, context: WorkerContext
) -> tuple[FoundFaces | None, str]:
    name = box_name(video)
    boxes = context.imported_boxes.get(name)
    if boxes is None:
        return None, f'no imported boxes for {name!r}'
    cuts, num_small = _plan_cuts([FaceTrack(boxes)], frames, context.settings)
    return FoundFaces(cuts, IMPORTED, len(boxes), num_small), ''


def box_name(video: SourceVideo) -> str:
    """Return the name of a video in a file of boxes: that of the real video."""
    return video.key.name if video.partner is None else video.partner.name


def _partner_faces(
    video: SourceVideo, frames: FrameSource, context: WorkerContext
) -> tuple[FoundFaces | None, str]:
    out = context.out
    partner = PreparedVideo.load(out.folder_of(video.partner))
    name = f'its real video {video.partner.name!r}'
    if partner is None or partner.fingerprint != context.fingerprint:
        return None, f'{name} is not prepared'
    if partner.status != OK:
        return None, f'{name} is {partner.status}'
    facts = partner.facts
    if (facts.height, facts.width) != (frames.height, frames.width):
        return None, (
            f'{name} has frames of {facts.width} x {facts.height} pixels, this one of '
            f'{frames.width} x {frames.height}'
        )
    cuts = [
        Cut.of_stored(FaceTrack.load(out.root / record.track_file))
        for record in partner.records
    ]
    return FoundFaces(cuts, PARTNER, facts.num_frames), ''
