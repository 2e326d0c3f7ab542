"""Which videos are still to be prepared, and which of them belong together.

One worker does a unit of work from its first video to its last: a real video before the
fakes that take its boxes, and all sequences of one archive, which is unpacked once.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.layouts.source_video import SourceVideo
from mmdeepfake.structures import FAILED, VideoKey

from .output_folder import OutputFolder
from .preparation_settings import PreparationSettings
from .prepared_video import PreparedVideo, partner_state, source_name
from .video_preparation import size_of

logger = logging.getLogger('mmdeepfake.prepare')


@dataclass(frozen=True)
class WorkUnit:
    """Videos that one worker prepares, in this order.

    Attributes:
        videos: one or more.
        archive: the archive that contains the frames of all of them, or None.
    """

    videos: tuple[SourceVideo, ...]
    archive: Path | None = None

    def from_video(self, index: int) -> WorkUnit:
        """Return the unit without its first `index` videos."""
        return replace(self, videos=self.videos[index:])


def limit_videos(
    videos: Sequence[SourceVideo], limit: int | None, *, with_partners: bool
) -> list[SourceVideo]:
    """Take the first `limit` videos of each split, method and compression level.

    `with_partners` adds the real videos whose boxes are needed.
    """
    if limit is None:
        return list(videos)
    if limit < 1:
        raise ConfigError(f'limit {limit}; allowed is a whole number above 0')
    counts: dict[Hashable, int] = defaultdict(int)
    taken: dict[VideoKey, SourceVideo] = {}
    for video in videos:
        part = (video.split, video.key.label, video.key.method, video.key.compression)
        counts[part] += 1
        if counts[part] <= limit:
            taken[video.key] = video
    if with_partners:
        partners = {video.partner for video in taken.values()}
        taken |= {video.key: video for video in videos if video.key in partners}
    return [taken[key] for key in sorted(taken)]


def refuse_shared_folders(videos: Iterable[SourceVideo], out: OutputFolder) -> None:
    """Refuse two videos that would be stored in one folder."""
    first: dict[Path, VideoKey] = {}
    for video in videos:
        folder = out.folder_of(video.key)
        other = first.setdefault(folder, video.key)
        if other != video.key:
            raise DataError(
                f'the videos {other} and {video.key} would both be stored in '
                f'{str(folder)!r}; prepare them into two folders'
            )


def plan_units(videos: Sequence[SourceVideo], *, with_partners: bool) -> list[WorkUnit]:
    """Group videos that must be prepared one after another.

    All requested videos are grouped, done or not, so that shards stay the same.
    `with_partners` puts fakes after the real video whose boxes they take.
    """
    keys = {video.key for video in videos}
    groups: dict[Hashable, list[SourceVideo]] = defaultdict(list)
    for video in videos:
        if video.member is not None:
            groups[video.path].append(video)
        elif with_partners and video.partner in keys:
            groups[video.partner].append(video)
        else:
            groups[video.key].append(video)
    units = []
    for members in groups.values():
        ordered = sorted(members, key=lambda v: (v.partner is not None, v.key))
        archive = ordered[0].path if ordered[0].member is not None else None
        units.append(WorkUnit(tuple(ordered), archive))
    return sorted(units, key=lambda unit: unit.videos[0].key)


def parse_shard(text: str) -> tuple[int, int]:
    """Parse '3/8', the third of eight parts.

    Raises:
        ConfigError: the text is invalid.
    """
    index, _, count = text.partition('/')
    if not (index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise ConfigError(
            f'shard {text!r}; allowed is i/n with 1 <= i <= n, such as 3/8 for the '
            'third of eight parts'
        )
    return int(index), int(count)


def take_shard(units: Sequence[WorkUnit], shard: str | None) -> list[WorkUnit]:
    """Take every n-th unit, so that the shards together are all units."""
    index, count = (1, 1) if shard is None else parse_shard(shard)
    return list(units[index - 1 :: count])


def skip_done(
    units: Iterable[WorkUnit],
    out: OutputFolder,
    *,
    root: Path,
    settings: PreparationSettings,
    retry_failed: bool,
) -> list[WorkUnit]:
    """Return the work that is left; update finished records to the dataset's lists.

    A video is done if it was prepared with these settings, the size of its file has not
    changed since, and neither has the state of the real video whose boxes it takes.
    """
    remaining = []
    for unit in units:
        to_do: dict[VideoKey, SourceVideo] = {}
        for video in unit.videos:  # the real video before its fakes
            partner_changes = settings.reuse_boxes and video.partner in to_do
            found = None if partner_changes else _load(video, out)
            if found is None or not _is_valid(
                found, video, out, settings=settings, retry_failed=retry_failed
            ):
                to_do[video.key] = video
                continue
            listed = found.with_listing(video, source=source_name(video, root))
            if listed != found:
                listed.save(out.folder_of(video.key))
        if to_do:
            remaining.append(replace(unit, videos=tuple(to_do.values())))
    return remaining


def _load(video: SourceVideo, out: OutputFolder) -> PreparedVideo | None:
    try:
        return PreparedVideo.load(out.folder_of(video.key))
    except DataError as error:
        logger.warning('%s; preparing it again', error)
        return None


def _is_valid(
    found: PreparedVideo,
    video: SourceVideo,
    out: OutputFolder,
    *,
    settings: PreparationSettings,
    retry_failed: bool,
) -> bool:
    return (
        found.key == video.key
        and found.fingerprint == settings.fingerprint()
        and found.facts.num_bytes == size_of(video.path)
        and not (retry_failed and found.status == FAILED)
        and found.facts.partner_state == partner_state(video, out, settings)
    )
