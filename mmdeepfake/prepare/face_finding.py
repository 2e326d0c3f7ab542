"""Where the faces of a video are: by a detector, or from boxes known already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmdeepfake.faces.detection import FaceDetector
from mmdeepfake.faces.face_region import choose_region, whole_region
from mmdeepfake.faces.tracking import track_faces
from mmdeepfake.layouts.source_video import SourceVideo
from mmdeepfake.structures import OK, FaceTrack
from mmdeepfake.video.frame_sources import FrameSource

from .clip_cutting import Cut
from .preparation_settings import PreparationSettings
from .prepared_video import (
    DETECTED,
    IMPORTED,
    PARTNER,
    WHOLE,
    PreparedVideo,
)
from .worker_context import WorkerContext

# A fake and the real video that it was made from may differ by this many frames, or by
# this share of them; beyond it their frames are not taken to belong together.
_LENGTH_TOLERANCE_FRAMES = 5
_LENGTH_TOLERANCE_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class FoundFaces:
    """The faces of one video.

    Attributes:
        cuts: what is to be stored, the dominant face first.
        origin: where the boxes come from, one of `prepared_video.ORIGINS`.
        num_frames: of the video that the boxes are for.
        num_small: tracks left out for being too small.
        num_scene_cuts: shots less one, where the video was detected.
        notes: what else is worth knowing.
    """

    cuts: list[Cut]
    origin: str
    num_frames: int
    num_small: int = 0
    num_scene_cuts: int = 0
    notes: tuple[str, ...] = ()

    def is_aligned_with(self, num_frames: int) -> bool:
        """Whether boxes for so many frames can be for a video of `num_frames`."""
        allowed = max(
            _LENGTH_TOLERANCE_FRAMES, _LENGTH_TOLERANCE_SHARE * self.num_frames
        )
        return abs(num_frames - self.num_frames) <= allowed


def find_known_faces(
    video: SourceVideo, frames: FrameSource, context: WorkerContext
) -> tuple[FoundFaces | None, tuple[str, ...]]:
    """Take boxes that need no detector.

    Returns:
        The faces, or None where the detector has to look; and why, where boxes that
        were asked for are not there.
    """
    if video.is_cropped:
        return _whole_pictures(frames), ()
    if context.imported_boxes:
        return _imported_faces(video, frames, context)
    if context.settings.reuse_boxes and video.partner is not None:
        return _faces_of_partner(video, frames, context)
    return None, ()


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
    cuts, num_small = [], 0
    for track in tracks:
        sides = (track.boxes[:, 2:] - track.boxes[:, :2]).max(axis=1)
        if np.median(sides) < settings.min_face_px:
            num_small += 1
            continue
        region = choose_region(
            track.boxes,
            height=frames.height,
            width=frames.width,
            margin_ratio=settings.margin_ratio,
            face_px=settings.face_px,
        )
        cuts.append(Cut(track, region))
    return cuts, num_small


def _whole_pictures(frames: FrameSource) -> FoundFaces:
    region = whole_region(height=frames.height, width=frames.width)
    num_frames = sum(1 for _ in frames.read_unconverted())
    boxes = np.tile(np.array(region.x1y1x2y2_px, np.float32), (num_frames, 1))
    return FoundFaces([Cut(FaceTrack(boxes), region)], WHOLE, num_frames)


def _imported_faces(
    video: SourceVideo, frames: FrameSource, context: WorkerContext
) -> tuple[FoundFaces | None, tuple[str, ...]]:
    name = box_name(video)
    boxes = context.imported_boxes.get(name)
    if boxes is None:
        return None, (f'the imported boxes have none for {name!r}',)
    cuts, num_small = _plan_cuts([FaceTrack(boxes)], frames, context.settings)
    return FoundFaces(cuts, IMPORTED, len(boxes), num_small), ()


def box_name(video: SourceVideo) -> str:
    """Name under which imported boxes are looked for: that of the real video."""
    return video.key.name if video.partner is None else video.partner.name


def _faces_of_partner(
    video: SourceVideo, frames: FrameSource, context: WorkerContext
) -> tuple[FoundFaces | None, tuple[str, ...]]:
    out = context.out
    partner = PreparedVideo.load(out.folder_of(video.partner))
    name = f'its real video {video.partner.name!r}'
    if partner is None or partner.fingerprint != context.fingerprint:
        return None, (f'{name} is not prepared',)
    if partner.status != OK:
        return None, (f'{name} is {partner.status}',)
    facts = partner.facts
    if (facts.height, facts.width) != (frames.height, frames.width):
        return None, (
            f'{name} has frames of {facts.width} x {facts.height}, '
            f'this one of {frames.width} x {frames.height} pixels',
        )
    cuts = [
        Cut.of_stored(FaceTrack.load(out.root / record.track_file))
        for record in partner.records
    ]
    return FoundFaces(cuts, PARTNER, facts.num_frames), ()
