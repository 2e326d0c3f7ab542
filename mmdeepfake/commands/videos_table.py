"""The table of all videos of `tools/infer.py`, as CSV and as a page."""

from __future__ import annotations

import csv
import io
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mmdeepfake.files.csv_text import format_csv
from mmdeepfake.files.printable_text import count_noun, guard_cells, unguard_cell
from mmdeepfake.inference.result_page import VERDICT_COLOURS
from mmdeepfake.inference.result_writers import (
    REPORT_HTML,
    VIDEO_COLUMNS,
    is_finished,
    video_row,
)
from mmdeepfake.inference.results import VERDICT_WORDS, VideoResult, as_utf8
from mmdeepfake.inference.video_list import RequestedVideo
from mmdeepfake.prepare.output_folder import write_text
from mmdeepfake.structures import FAILED
from mmdeepfake.visualization.html_page import render_page

VIDEOS_CSV, VIDEOS_HTML = 'videos.csv', 'videos.html'
_SECONDS_BETWEEN_TABLES = 5.0
Row = Sequence[Any]  # cells of `VIDEO_COLUMNS`, as a spreadsheet may see them


class VideosTable:
    """The rows of the videos, written from the first one on, in the given order.

    Args:
        out: folder of the results.
        videos: all that were requested.
    """

    def __init__(self, out: Path, videos: Sequence[RequestedVideo]) -> None:
        self.out = out
        self._videos = videos
        self._rows: dict[str, Row] = {}  # by folder
        self._written = 0.0

    def resume(self, facts: Mapping[str, Any], **files: bool) -> int:
        """Keep the rows of an earlier run whose results are complete.

        Returns:
            Their number.
        """
        earlier = _read_rows(self.out / VIDEOS_CSV)
        for video in self._videos:
            row = earlier.get(as_utf8(video.folder))
            folder = self.out / video.folder
            if row is not None and is_finished(folder, video.path, facts, **files):
                self._rows[video.folder] = row
        return len(self._rows)

    def waiting(self) -> list[RequestedVideo]:
        """Return the videos without a row."""
        return [video for video in self._videos if video.folder not in self._rows]

    def add(self, result: VideoResult, video: RequestedVideo) -> None:
        """Add the result of a video."""
        row = guard_cells(video_row(result, video.name, video.folder))
        self._rows[video.folder] = row
        if time.monotonic() - self._written > _SECONDS_BETWEEN_TABLES:
            self._write_csv()

    def write(self) -> None:
        """Write all rows atomically, and the page."""
        if self._rows:
            self._write_csv()
            write_text(self.out / VIDEOS_HTML, self._format_page())

    @property
    def num_failed(self) -> int:
        """Number of files that could not be scored."""
        return self._count()[FAILED]

    def counts(self) -> str:
        """Return a summary such as '3 videos (uncertain: 2, failed: 1)'."""
        order, found = [*VERDICT_WORDS, FAILED], self._count()
        words = [
            f'{VERDICT_WORDS.get(name, name)}: {found[name]}'
            for name in order
            if found[name]
        ]
        return f'{count_noun(len(self._rows), "video")} ({", ".join(words)})'

    def _count(self) -> Counter[str]:
        cells = map(_by_name, self._rows.values())
        return Counter(
            FAILED if row['status'] == FAILED else row['verdict'] for row in cells
        )

    def _ordered(self) -> list[Row]:
        folders = [video.folder for video in self._videos]
        return [self._rows[folder] for folder in folders if folder in self._rows]

    def _write_csv(self) -> None:
        write_text(self.out / VIDEOS_CSV, format_csv([VIDEO_COLUMNS, *self._ordered()]))
        self._written = time.monotonic()

    def _format_page(self) -> str:
        rows = []
        for cells in map(_by_name, self._ordered()):
            folder = unguard_cell(cells['folder'])
            has_report = (self.out / folder / REPORT_HTML).is_file()
            verdict = cells['verdict']
            is_failed = cells['status'] == FAILED
            rows.append(
                dict(
                    name=unguard_cell(cells['video']),
                    link=f'{quote(folder)}/{REPORT_HTML}' if has_report else None,
                    verdict=FAILED if is_failed else VERDICT_WORDS[verdict],
                    colour=VERDICT_COLOURS.get(verdict, 'inherit'),
                    score=_number(cells['fake_score'], 3),
                    peak=_number(cells['peak_start_seconds'], 2),
                    num_faces=_number(cells['num_faces'], 0),
                    seconds=_number(cells['duration_seconds'], 1),
                    fault=unguard_cell(cells['fault']),
                )
            )
        return render_page('videos_page.html', title=self.counts(), rows=rows)


def _by_name(row: Row) -> dict[str, str]:
    return dict(zip(VIDEO_COLUMNS, map(str, row), strict=True))


def _number(text: str, digits: int) -> str:
    return f'{float(text):.{digits}f}' if text else ''


def _read_rows(path: Path) -> dict[str, Row]:
    """Return the rows of an earlier table by folder; none if it has other columns."""
    try:
        text = path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError):
        return {}
    header, *rows = list(csv.reader(io.StringIO(text, newline=''))) or [[]]
    if tuple(header) != VIDEO_COLUMNS:
        return {}
    place = VIDEO_COLUMNS.index('folder')
    return {unguard_cell(r[place]): r for r in rows if len(r) == len(VIDEO_COLUMNS)}
