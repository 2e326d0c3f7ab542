"""The record of one prepared video: its manifest lines, and facts for the report.

    <name>/track_0.tar              clip of the person whom the label refers to
    <name>/track_0.npz              that person's `FaceTrack`
    <name>/track_0_landmarks.npz    68 points per frame, if asked for
    <name>/track_0_mask.tar         the manipulated pixels, if the dataset has masks
    <name>/track_1.tar, ...         further people, or the same one in another shot
    <name>/result.json              this record

A video without a face, or one that could not be prepared, has `result.json` alone.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from mmdeepfake.errors import DataError
from mmdeepfake.files.atomic_write import replace_json
from mmdeepfake.files.bounded_reading import load_json, shorten
from mmdeepfake.files.record_fields import check_fields
from mmdeepfake.layouts.source_video import SourceVideo
from mmdeepfake.structures import VideoKey, VideoRecord
from mmdeepfake.structures.manifest import format_line, parse_line

from .output_folder import RESULT_NAME, OutputFolder, write_text
from .preparation_settings import PreparationSettings

# Where the boxes of a video come from.
ORIGINS = ('detected', 'partner', 'imported', 'whole picture')
DETECTED, PARTNER, IMPORTED, WHOLE = ORIGINS


@dataclass(frozen=True)
class VideoFacts:
    """Facts about one video for the report; unknown ones keep their default.

    Attributes:
        num_frames: of the source video.
        height: of its frames, in pixels.
        width: of its frames, in pixels.
        origin: one of `ORIGINS`, where the boxes come from.
        partner_state: of a fake that takes boxes, the `PreparedVideo.state` of its real
            video; the fake is prepared again when that changes.
        num_tracks: tracks stored.
        num_people: maximum number of stored faces in one frame.
        num_small: tracks dropped for being too small.
        num_boxes: boxes of all stored tracks.
        num_interpolated: those of them between two detections.
        num_scene_cuts: of a video that was detected.
        variable_rate: whether the time between its frames varies.
        x264_crf: see `frame_sources.VideoFile`.
        num_bytes: of the source file.
        sha256: of the source file, or of the frames of a folder.
        notes: anything else worth knowing, one sentence each.
    """

    num_frames: int = 0
    height: int = 0
    width: int = 0
    origin: str = ''
    partner_state: str = ''
    num_tracks: int = 0
    num_people: int = 0
    num_small: int = 0
    num_boxes: int = 0
    num_interpolated: int = 0
    num_scene_cuts: int = 0
    variable_rate: bool = False
    x264_crf: float | None = None
    num_bytes: int = 0
    sha256: str = ''
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PreparedVideo:
    """The content of a `result.json`.

    Attributes:
        records: manifest lines, one per track, or a single one with the reason if no
            track was found.
        facts: see `VideoFacts`.
        fingerprint: of the settings that it was prepared with.
        sources: see `SourceVideo`; for the leak audit.
    """

    records: tuple[VideoRecord, ...]
    facts: VideoFacts
    fingerprint: str
    sources: tuple[str, ...] = ()

    @property
    def key(self) -> VideoKey:
        """The video's key."""
        return self.records[0].key

    @property
    def status(self) -> str:
        """One of `structures.video_record.STATUSES`."""
        return self.records[0].status

    @property
    def state(self) -> str:
        """Status and content: what a fake's boxes depend on."""
        return f'{self.status} {self.facts.sha256}'.strip()

    def save(self, folder: Path) -> None:
        """Write the record into a video's folder."""
        replace_json(
            folder / RESULT_NAME,
            {
                'fingerprint': self.fingerprint,
                'records': [json.loads(format_line(record)) for record in self.records],
                'sources': list(self.sources),
                'facts': asdict(self.facts),
            },
            alone=True,
        )

    @classmethod
    def load(cls, folder: Path) -> PreparedVideo | None:
        """Read the record of a video's folder; None if the video is not done.

        Raises:
            DataError: the file is damaged.
        """
        path = folder / RESULT_NAME
        try:
            values = load_json(path)
            return cls(
                records=_read_records(values['records']),
                facts=_read_facts(values['facts']),
                fingerprint=_check_strings([values['fingerprint']])[0],
                sources=_check_strings(values['sources']),
            )
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f'{str(path)!r} is damaged ({error}); delete its folder and run the '
                'preparation again'
            ) from error

    def with_listing(self, video: SourceVideo, *, source: str) -> PreparedVideo:
        """Return a copy with the split, persons and sources of the dataset's lists."""
        listed = dict(split=video.split, identities=video.identities, source=source)
        return replace(
            self,
            records=tuple(replace(record, **listed) for record in self.records),
            sources=tuple(video.sources),
        )


def _read_records(values: list) -> tuple[VideoRecord, ...]:
    records = tuple(parse_line(json.dumps(record)) for record in values)
    if len({record.key for record in records}) != 1:
        raise ValueError('its records are not those of one video')
    return records


def _read_facts(values: dict) -> VideoFacts:
    known = {one.name for one in fields(VideoFacts)}
    # A later version may have more.
    facts = check_fields(VideoFacts, {k: v for k, v in values.items() if k in known})
    return VideoFacts(**{**facts, 'notes': tuple(facts.get('notes', ()))})


def _check_strings(values: list) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise ValueError(f'{shorten(values)} is not a list of strings')
    return tuple(values)


MISSING = 'missing'  # the state of a video that is not prepared


def partner_state(
    video: SourceVideo, out: OutputFolder, settings: PreparationSettings
) -> str:
    """Return the state of the real video whose boxes a fake takes, else ''."""
    takes_boxes = settings.reuse_boxes and settings.imported_boxes is None
    if video.partner is None or video.is_cropped or not takes_boxes:
        return ''
    try:
        partner = PreparedVideo.load(out.folder_of(video.partner))
    except DataError:
        return MISSING
    is_ours = partner is not None and partner.fingerprint == settings.fingerprint()
    return partner.state if is_ours else MISSING


def publish(made: Path, out: OutputFolder, key: VideoKey) -> None:
    """Move a finished folder to its place in the output, replacing an older one.

    A kill between the two renames leaves the video undone, never half done.
    """
    target = out.folder_of(key)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        old = made.with_name(made.name + '.old')
        os.rename(target, old)
        shutil.rmtree(old, ignore_errors=True)
    os.rename(made, target)


def find_prepared(out: OutputFolder) -> Iterator[PreparedVideo]:
    """Read every video of an output folder, in no particular order."""
    for folder, _, files in os.walk(out.clips):
        if RESULT_NAME in files:
            found = PreparedVideo.load(Path(folder))
            if found is not None:
                yield found


def source_name(video: SourceVideo, root: Path) -> str:
    """Return the path of a source video relative to the dataset's root, with '/'."""
    base = root if root.is_dir() else root.parent
    path = Path(os.path.relpath(video.path, base)).as_posix()
    return f'{path}/{video.member}' if video.member else path


def write_manifest(videos: list[PreparedVideo], path: Path) -> int:
    """Write the manifest atomically, sorted by key; return its number of lines."""
    records = sorted(
        (record for video in videos for record in video.records),
        key=lambda record: (record.key, record.track),
    )
    write_text(path, ''.join(format_line(record) + '\n' for record in records))
    return len(records)
