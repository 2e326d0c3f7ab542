"""A video of a dataset as downloaded, before face detection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmdeepfake.structures import VideoKey


@dataclass(frozen=True)
class SourceVideo:
    """A video as a dataset's layout describes it.

    Attributes:
        key: see `VideoKey`.
        path: the video file, a folder of numbered frames, or, with `member`, a .tar.gz
            archive. It may be missing, which preparation reports.
        split: 'train', 'val' or 'test'.
        identities: ids of the persons seen or used in it, unique within the dataset.
        sources: names (as in keys of the dataset) of the videos it was made from, or
            its own; no two splits may share one. For the leak audit.
        partner: for a fake, the key of the real video with the same frames, so that its
            face boxes can be reused; None if there is none.
        mask: the video of its changed pixels, if any.
        is_cropped: its frames are face crops already (no detection, order kept).
        member: folder inside the archive `path` that holds the frames.
    """

    key: VideoKey
    path: Path
    split: str
    identities: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    partner: VideoKey | None = None
    mask: Path | None = None
    is_cropped: bool = False
    member: str | None = None
