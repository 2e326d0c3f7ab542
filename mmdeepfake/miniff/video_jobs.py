"""MiniFF's files, in the folders, splits and names of FaceForensics++."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .cast import Clip, list_clips, pair_clips
from .settings import MiniFFSettings

SETTINGS_NAME = 'miniff.json'
IDENTITIES_NAME = 'identities.json'
LOCK_NAME = '.lock'
FOLDERS = ('original_sequences', 'manipulated_sequences', 'splits')


@dataclass(frozen=True)
class VideoJob:
    """One video to render: a real clip, or a forgery made from two.

    Attributes:
        target: the real clip, or the one that is manipulated.
        source: the clip that provides face or expression; None for a real video.
        method: None for a real video.
    """

    target: Clip
    source: Clip | None = None
    method: str | None = None

    @property
    def name(self) -> str:
        """File name without suffix: NNN, or target_source."""
        if self.source is None:
            return self.target.clip_id
        return f'{self.target.clip_id}_{self.source.clip_id}'

    def video_path(self, root: Path, compression: str) -> Path:
        """Return the path of the video at a compression level."""
        if self.method is None:
            folder = root / 'original_sequences/youtube'
        else:
            folder = root / 'manipulated_sequences' / self.method
        return folder / compression / 'videos' / f'{self.name}.mp4'

    def mask_path(self, root: Path) -> Path | None:
        """Return the path of a forged video's mask; None for real videos."""
        if self.method is None:
            return None
        folder = root / 'manipulated_sequences' / self.method
        return folder / 'masks/videos' / f'{self.name}.mp4'

    def paths(self, root: Path, compressions: tuple[str, ...]) -> list[Path]:
        """Return all files of the job."""
        paths = [self.video_path(root, level) for level in compressions]
        mask = self.mask_path(root)
        return paths if mask is None else [*paths, mask]


def list_jobs(settings: MiniFFSettings) -> list[VideoJob]:
    """List all videos of a set, real ones first."""
    jobs = [VideoJob(clip) for clip in list_clips(settings)]
    for pairs in pair_clips(settings).values():
        for first, second in pairs:
            for method in settings.methods:
                jobs.append(VideoJob(first, second, method))
                jobs.append(VideoJob(second, first, method))
    return jobs
