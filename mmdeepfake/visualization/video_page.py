"""The report of one video: what the verdict is, what it rests on, what to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .html_page import PageTable, render_page
from .report_plots import FAKE_COLOUR, REAL_COLOUR

VERDICT_COLOURS = {'fake': FAKE_COLOUR, 'real': REAL_COLOUR}
_OTHER_COLOUR = '#666'


@dataclass(frozen=True)
class FacePanel:
    """One face of the report.

    Attributes:
        name: of the face.
        facts: (name, value).
        pictures: (what it shows, PNG).
    """

    name: str
    facts: Sequence[tuple[str, str]]
    pictures: Sequence[tuple[str, bytes]]


@dataclass(frozen=True)
class VideoPage:
    """All that the report of a video shows, as plain text and PNGs.

    Attributes:
        title: the video's name.
        verdict: one word.
        sentence: what it is for.
        notes: what a reader must know of it.
        timeline: PNG, or None where nothing was scored.
        faces: see `FacePanel`.
        tables: what follows them.
        facts: (name, value) of what all of it rests on.
    """

    title: str
    verdict: str
    sentence: str
    notes: Sequence[str]
    timeline: bytes | None
    faces: Sequence[FacePanel]
    tables: Sequence[PageTable]
    facts: Sequence[tuple[str, str]]


def format_video_page(page: VideoPage) -> str:
    """Write the page; every text in it is escaped."""
    colour = VERDICT_COLOURS.get(page.verdict, _OTHER_COLOUR)
    return render_page('video_page.html', title=page.title, page=page, colour=colour)
