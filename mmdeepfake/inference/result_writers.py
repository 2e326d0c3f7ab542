"""Write the files of a result: JSON, CSV, an annotated MP4 and an HTML page."""

from __future__ import annotations

import bisect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmdeepfake.errors import DataError
from mmdeepfake.files.atomic_write import replace_json
from mmdeepfake.files.bounded_reading import load_json
from mmdeepfake.files.csv_text import format_csv
from mmdeepfake.files.file_hash import hash_file
from mmdeepfake.files.printable_text import guard_cells, hide_folders
from mmdeepfake.prepare.output_folder import write_text
from mmdeepfake.structures import FAILED
from mmdeepfake.video.isolation.isolated_video import shared_decoder
from mmdeepfake.video.local_decoding import VideoDecoder
from mmdeepfake.visualization.annotated_video import (
    FaceMark,
    ScoreStrip,
    write_annotated_video,
)

from .face_stream import FrameTimes
from .result_page import format_report
from .results import (
    SCHEMA_VERSION,
    SCORE_COLUMNS,
    VERDICT_WORDS,
    FaceResult,
    SnippetScore,
    VideoResult,
    as_utf8,
)

RESULT_JSON, SCORES_CSV = 'result.json', 'scores.csv'
ANNOTATED_MP4, REPORT_HTML = 'annotated.mp4', 'report.html'
_NO_VIDEO = 'no annotated video'
VIDEO_COLUMNS = (
    'video', 'status', 'verdict', 'fake_score', 'test_score', 'threshold',
    'is_calibrated', 'num_faces', 'num_frames', 'duration_seconds', 'peak_score',
    'peak_start_seconds', 'folder', 'fault',
)  # fmt: skip


def write_video_results(
    result: VideoResult,
    folder: Path,
    facts: Mapping[str, Any],
    *,
    annotate: bool = True,
    report: bool = True,
    video_sha256: str | None = None,
    on_frame: Callable[[int], None] | None = None,
    decoder: VideoDecoder | None = None,
) -> dict[str, Path]:
    """Write the result of one video to its folder.

    Args:
        result: of the inferencer; its heat maps are deleted at the end.
        folder: is created.
        facts: the inferencer's `facts`.
        annotate: whether to write the annotated video if there is a face. A video that
            can no longer be read gets a note instead.
        report: whether to write the page.
        video_sha256: of the file, for result.json.
        on_frame: called with the number of annotated frames.
        decoder: reads the video again; None decodes in a separate process.

    Returns:
        The files by their names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = {RESULT_JSON: folder / RESULT_JSON, SCORES_CSV: folder / SCORES_CSV}
    replace_json(written[RESULT_JSON], to_json(result, facts, video_sha256), alone=True)
    write_text(written[SCORES_CSV], format_table(SCORE_COLUMNS, result.score_rows()))
    if annotate and result.faces:
        try:
            _annotate(
                result, folder / ANNOTATED_MP4, on_frame, decoder or shared_decoder()
            )
            written[ANNOTATED_MP4] = folder / ANNOTATED_MP4
        except DataError as error:
            # The scores remain valid: they come from an earlier, complete pass.
            reason = hide_folders(str(error), result.path.parent)
            note = f'{_NO_VIDEO}: {reason}'
            result = replace(result, notes=(*result.notes, note))
            content = to_json(result, facts, video_sha256)
            replace_json(written[RESULT_JSON], content, alone=True)
    if report:
        written[REPORT_HTML] = folder / REPORT_HTML
        write_text(written[REPORT_HTML], format_report(result, facts))
    if result.heat is not None:
        result.heat.close()
    return written


def to_json(
    result: VideoResult, facts: Mapping[str, Any], video_sha256: str | None = None
) -> dict[str, Any]:
    """Return a result and the facts about its model as plain JSON values."""
    content = {**result.to_dict(), 'inference': dict(facts)}
    return (
        content if video_sha256 is None else {**content, 'video_sha256': video_sha256}
    )


def is_finished(
    folder: Path,
    video: Path,
    facts: Mapping[str, Any],
    *,
    annotate: bool,
    report: bool,
) -> bool:
    """Return whether a folder has the complete results of a video by this model.

    The file must be the same, by its hash, and so must model and settings.
    """
    try:
        content = load_json(folder / RESULT_JSON)
        names = [SCORES_CSV]
        if annotate and content['faces'] and _NO_VIDEO not in str(content['notes']):
            names.append(ANNOTATED_MP4)
        if report:
            names.append(REPORT_HTML)
        return (
            content['schema_version'] == SCHEMA_VERSION
            and content['status'] != FAILED
            and all((folder / name).is_file() for name in names)
            and _comparable(content['inference']) == _comparable(facts)
            and content['video_sha256'] == hash_file(video)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _comparable(facts: Mapping[str, Any]) -> Any:
    """Return facts without the outcome of a check that needs the first scores."""
    weights = {
        name: value
        for name, value in facts['weights'].items()
        if name not in ('dtype', 'bfloat16_check')
    }
    return json.loads(json.dumps({**facts, 'weights': weights}))


def video_row(result: VideoResult, name: str, folder: str) -> tuple[Any, ...]:
    """Return the row of videos.csv, with the user's name of the video."""
    peaks = [face.highest for face in result.faces if face.highest is not None]
    peak = max(peaks, key=lambda one: one.fake_score, default=None)
    return (
        as_utf8(name),
        result.status,
        result.verdict,
        *('' if one is None else one for one in (result.fake_score, result.test_score)),
        result.threshold,
        result.is_calibrated,
        len(result.faces),
        result.num_frames,
        round(result.duration_seconds, 3),
        '' if peak is None else peak.fake_score,
        '' if peak is None else peak.start_seconds,
        as_utf8(folder),
        as_utf8(result.fault),
    )


def format_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Format a CSV table; numbers are read back unchanged.

    Text that a spreadsheet would take for a formula, e.g. a file =HYPERLINK(...), gets
    a leading '; `files.printable_text.unguard_cell` removes it.
    """
    return format_csv([columns, *map(guard_cells, rows)])


def _annotate(
    result: VideoResult,
    path: Path,
    on_frame: Callable[[int], None] | None,
    decoder: VideoDecoder,
) -> None:
    """Decode the video again and draw the faces."""
    source = decoder.open_video(result.path)
    times = FrameTimes(source)
    waiting = sorted(
        result.faces, key=lambda face: -face.first_frame
    )  # by first frame, descending
    active: list[_FaceTimeline] = []

    def marks_of(index: int) -> list[FaceMark]:
        if on_frame is not None:
            on_frame(index + 1)
        while waiting and waiting[-1].first_frame <= index:
            active.append(_FaceTimeline(waiting.pop(), result))
        active[:] = [one for one in active if one.last_frame >= index]
        return [timeline.mark_at(index) for timeline in active]

    end = max(result.duration_seconds, 1e-9)
    write_annotated_video(
        source.read_unconverted(),
        marks_of,
        path,
        strip=ScoreStrip(
            _caption(result),
            [
                (w.start_seconds / end, min(w.end_seconds / end, 1.0), w.fake_score)
                for face in result.faces
                for w in face.windows
            ],
            result.threshold if result.is_judged else None,
            result.lower_threshold,
        ),
        times_seconds=times.__getitem__,
        num_frames=result.num_frames,
        fps=result.fps,
    )


def _caption(result: VideoResult) -> str:
    """Return the verdict and its score, to fit below a small frame."""
    words = VERDICT_WORDS[result.verdict]
    return f'{words}: P(fake) {result.fake_score:.3f}' if result.is_judged else words


class _FaceTimeline:
    """The marks of one face in its frames."""

    def __init__(self, face: FaceResult, result: VideoResult) -> None:
        self._face = face
        self.last_frame = face.last_frame
        self._heat = result.heat
        self._full_frame = (0.0, 0.0, float(result.width), float(result.height))
        self._spans = face.snippets or face.windows
        self._starts = [span.first_frame for span in self._spans]

    def mark_at(self, frame: int) -> FaceMark:
        """Return the mark of a frame."""
        face = self._face
        place = bisect.bisect_right(self._starts, frame) - 1
        span = self._spans[max(place, 0)] if self._spans else None
        box = getattr(span, 'box_x1y1x2y2_px', None)
        if box is None and face.highest is not None:
            box = face.highest.box_x1y1x2y2_px
        shown = box or self._full_frame
        if face.track is not None:
            shown = tuple(face.track.boxes[frame - face.first_frame].tolist())
        return FaceMark(
            f'face {face.index}' if face.index else 'main face',
            shown,
            None if span is None else span.fake_score,
            self._heat_at(span, frame),
            box,
        )

    def _heat_at(self, span: Any, frame: int) -> Any:
        if self._heat is None or not isinstance(span, SnippetScore):
            return None
        maps = self._heat.get(self._face.index, span.first_frame)
        if maps is None:
            return None
        share = (frame - span.first_frame) / (span.last_frame - span.first_frame + 1)
        return maps[min(max(int(share * len(maps)), 0), len(maps) - 1)]
