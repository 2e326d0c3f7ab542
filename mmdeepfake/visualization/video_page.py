"""The report of one video: what the verdict is, what it rests on, what to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .html_page import (
    PageTable,
    escape_text,
    format_facts,
    format_list,
    format_picture,
    format_table,
    wrap_page,
)
from .report_plots import FAKE_COLOUR, REAL_COLOUR

VERDICT_COLOURS = {'fake': FAKE_COLOUR, 'real': REAL_COLOUR}
_OTHER_COLOUR = '#666'
_STYLE = """
.verdict { color: #fff; padding: .7em 1em; border-radius: 6px; font-size: 20px; }
.verdict b { text-transform: uppercase; letter-spacing: .04em; margin-right: .6em; }
.face { border-top: 1px solid #ddd; margin-top: 1.4em; padding-top: .2em; }
.face img { max-width: 100%; image-rendering: auto; border-radius: 4px; }
"""
# Printed on every report: what it can be taken for.
LIMITS = (
    'A score is what a model gives, no proof: it can be wrong on videos unlike those '
    'that it was trained on, and after compression, scaling or editing.',
    'A video without a face, or with a face too short to be judged, is not thereby '
    'real.',
)


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
    parts = [
        f'<p class="verdict" style="background:{colour}"><b>'
        f'{escape_text(page.verdict)}</b>{escape_text(page.sentence)}</p>',
        format_list(page.notes),
    ]
    if page.timeline is not None:
        parts.append('<h2>Scores over time</h2>')
        parts.append(format_picture(page.timeline, shows='P(fake) over time'))
        parts.append(
            '<p>A dot is a snippet of a few frames, a bar a stretch whose snippets '
            'were scored together.</p>'
        )
    if page.faces:
        parts.append('<h2>Faces</h2>')
        parts += [_panel(face) for face in page.faces]
    parts += [format_table(table) for table in page.tables]
    parts.append('<h2>What this rests on</h2>')
    parts.append(format_facts(page.facts))
    parts.append(format_list(LIMITS))
    return wrap_page(page.title, parts, style=_STYLE)


def _panel(face: FacePanel) -> str:
    pictures = ''.join(
        f'<p>{escape_text(shows)}</p>{format_picture(png, shows=shows)}'
        for shows, png in face.pictures
    )
    return (
        f'<div class="face"><h3>{escape_text(face.name)}</h3>'
        f'{format_facts(face.facts)}{pictures}</div>'
    )
