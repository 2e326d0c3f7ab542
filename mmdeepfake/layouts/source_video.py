"""A video of a dataset as it was downloaded, before its faces are found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmdeepfake.structures import VideoKey


@dataclass(frozen=True)
class SourceVideo:
    """What a dataset's layout tells of one of its videos.

    Attributes:
        key: see `VideoKey`.
        path: the video file; or a folder of numbered frames; or, with `member`, a
            .tar.gz archive. It may be missing: the preparation reports that.
        split: 'train', 'val' or 'test'.
        identities: ids of the persons seen or used in it, told apart within a dataset.
        sources: keys' names, within the dataset, of the videos it was made from, its
            own included; no two splits may share one. For the leak audit.
        partner: of a fake, the key of the real video whose frames it was made from,
            frame by frame, so that its boxes fit; None where there is none.
        mask: the video of its changed pixels, where there is one.
        is_cropped: its frames are faces already (no detection, order kept).
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
