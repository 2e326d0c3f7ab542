"""The report of a result as text and images."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.prepare.progress import format_time
from mmdeepfake.structures import FAILED, NO_FACE, OK
from mmdeepfake.structures.training_data import TRAINING_DATA, TrainingData
from mmdeepfake.visualization.html_page import PageTable, render_page
from mmdeepfake.visualization.overlays import overlay_heat
from mmdeepfake.visualization.report_plots import UNCERTAIN_COLOUR
from mmdeepfake.visualization.score_timeline import FaceLine, draw_timeline

from .results import (
    FAKE_VERDICT,
    NOT_VALID_VERDICT,
    REAL_VERDICT,
    TOO_SHORT,
    UNCERTAIN_VERDICT,
    VERDICT_MEANINGS,
    VERDICT_WORDS,
    FaceResult,
    PeakSnippet,
    VideoResult,
    WindowScore,
)

_NUM_FACES_SHOWN = 12  # in full; all are in result.json
_NUM_WINDOWS_SHOWN = 20
_STRIP_SIDE_PX = 200  # of one frame; smaller ones are enlarged
_OTHER_COLOUR = '#666'
VERDICT_COLOURS = {
    # Fake and real are darkened for white text.
    FAKE_VERDICT: '#b84e00',
    UNCERTAIN_VERDICT: UNCERTAIN_COLOUR,
    REAL_VERDICT: '#0068a3',
}
_NO_FACE_SOUGHT = '; no face was looked for'
_NO_SCORE = {
    NO_FACE: 'no face was found, so there is no score',
    TOO_SHORT: 'no face is long enough to be scored',
    FAILED: 'the video could not be read',
}


def describe_verdict(result: VideoResult) -> str:
    """Return the verdict in words, its score and threshold in one ASCII line."""
    words, reasons = VERDICT_WORDS[result.verdict], explain_verdict(result)
    return reasons if result.status != OK else f'{words}: {reasons}'


def explain_verdict(result: VideoResult) -> str:
    """Return score and thresholds, or why there is no score, in one ASCII line."""
    if result.status != OK:
        return _NO_SCORE[result.status]
    if result.verdict == NOT_VALID_VERDICT:
        basis = '' if result.most_suspicious.size_px else _NO_FACE_SOUGHT
        return f'the model is not known to have been trained on real video{basis}'
    state = '' if result.is_calibrated else ', not calibrated'
    band = ''
    if result.lower_threshold < result.threshold:
        band = f', uncertain from {result.lower_threshold:.3f}'
    return (
        f'P(fake) {result.fake_score:.3f}, threshold {result.threshold:.3f}{band}'
        f'{state}{_describe_basis(result)}'
    )


def _describe_basis(result: VideoResult) -> str:
    """Return a clause about the face with the highest score, if one is needed."""
    face = result.most_suspicious
    if face.size_px is None:
        return _NO_FACE_SOUGHT
    if face.index == 0 and not face.doubts:
        return ''
    which = f'face {face.index}, not the main one' if face.index else 'the main face'
    kinds = [doubt.kind for doubt in face.doubts]
    about = ', '.join([f'{face.size_px} pixels', *kinds])
    return f'; most suspicious is {which} ({about})'


def capitalise(text: str) -> str:
    """Return a sentence's first letter as a capital."""
    return f'{text[:1].upper()}{text[1:]}'


def format_report(result: VideoResult, facts: Mapping[str, Any]) -> str:
    """Return the report of a video as an HTML page."""
    scored = [face for face in result.faces if face.windows]
    scored.sort(key=lambda face: (face.index > 0, -face.fake_score))
    notes = [result.fault] if result.fault else []
    if result.is_judged:
        notes.append(VERDICT_MEANINGS[result.verdict])
    training = TrainingData.read(facts.get('weights', {}).get(TRAINING_DATA))
    if not any(str(training) in note for note in result.notes):
        notes.append(f'The model was trained on {training}.')
    if not result.is_calibrated and result.verdict != NOT_VALID_VERDICT:
        notes.append(
            f'The threshold {result.threshold:g} is not calibrated: its rate of false '
            'alarms is unknown. tools/calibrate.py chooses one on validation videos.'
        )
    return render_page(
        'video_page.html',
        title=result.name.encode('utf-8', 'replace').decode(),
        verdict=capitalise(VERDICT_WORDS[result.verdict]),
        colour=VERDICT_COLOURS.get(result.verdict, _OTHER_COLOUR),
        sentence=explain_verdict(result),
        notes=[*notes, *(f'{capitalise(note)}.' for note in result.notes)],
        timeline=draw_result_timeline(result),
        faces=[_panel(face) for face in scored[:_NUM_FACES_SHOWN]],
        tables=_tables(scored),
        facts=[*_video_facts(result), *_inference_facts(facts)],
    )


def draw_peak(peak: PeakSnippet) -> NDArray[np.uint8]:
    """Draw the frames of a snippet side by side, its heat maps below: RGB."""
    rows = [peak.frames]
    if peak.heat is not None:
        rows.append(overlay_heat(peak.frames, peak.heat))
    image = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
    factor = max(1, round(_STRIP_SIDE_PX / peak.frames.shape[1]))
    size = (image.shape[1] * factor, image.shape[0] * factor)
    return cv2.resize(image, size, interpolation=cv2.INTER_NEAREST)


def draw_result_timeline(result: VideoResult) -> bytes | None:
    """Draw the scores of all faces over time as SVG; None if there are none."""
    lines = [
        FaceLine(
            f'face {face.index}' if face.index else 'main face',
            np.array([(s.start_seconds + s.end_seconds) / 2 for s in face.snippets]),
            np.array([snippet.fake_score for snippet in face.snippets]),
            [(w.start_seconds, w.end_seconds, w.fake_score) for w in face.windows],
        )
        for face in result.faces
        if face.windows
    ]
    if not lines:
        return None
    return draw_timeline(
        lines,
        threshold=result.threshold if result.is_judged else None,
        lower_threshold=result.lower_threshold,
        duration_seconds=result.duration_seconds,
        is_calibrated=result.is_calibrated,
    )


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """Encode an RGB image as PNG."""
    return cv2.imencode('.png', cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def _panel(face: FaceResult) -> dict[str, Any]:
    images = []
    if face.peak is not None:
        images.append((caption_peak(face), encode_png(draw_peak(face.peak))))
    size = 'no face was looked for'
    if face.size_px is not None:
        size = f'{face.size_px} pixels'
    return {
        'name': f'{name_face(face)}: {VERDICT_WORDS[face.verdict]}',
        'doubts': [capitalise(str(doubt)) for doubt in face.doubts],
        'facts': [
            ('size', size),
            ('P(fake)', f'{face.fake_score:.4f}'),
            ('uncalibrated, as tools/test.py scores', f'{face.test_score:.4f}'),
            ('seen', ' to '.join(_span(face))),
            ('snippets', str(len(face.snippets)) if face.snippets else 'not scored'),
        ],
        'images': images,
    }


def name_face(face: FaceResult) -> str:
    """Return 'Main face' or 'Face 2'."""
    return f'Face {face.index}' if face.index else 'Main face'


def caption_peak(face: FaceResult) -> str:
    """Return what the picture of a face's peak shows, and what its colours mean."""
    peak = face.highest
    shows = (
        f'Its most suspicious snippet, {peak.fake_score:.3f} at '
        f'{peak.start_seconds:.2f} s, as the model saw it'
    )
    if face.peak.heat is None:
        return f'{shows}.'
    return (
        f'{shows}; below, its heat maps (Grad-CAM), each scaled to its own maximum. '
        'Every video has a maximum: on a real one it is where the model was closest to '
        'suspicion, not a trace of manipulation.'
    )


def _tables(faces: list[FaceResult]) -> list[PageTable]:
    windows = [(w, face.index) for face in faces for w in face.windows]
    windows.sort(key=lambda pair: -pair[0].fake_score)
    tables = []
    if len(windows) > 1:
        rows = [
            (str(index), *_span(window), f'{window.fake_score:.4f}')
            for window, index in windows[:_NUM_WINDOWS_SHOWN]
        ]
        more = len(windows) - len(rows)
        notes = [f'{more} more are in scores.csv'] if more else []
        header = ('face', 'from', 'to', 'P(fake)')
        tables.append(PageTable('Windows by score', header, rows, notes))
    if len(faces) > _NUM_FACES_SHOWN:
        rows = [
            (
                str(face.index),
                *_span(face),
                VERDICT_WORDS[face.verdict],
                f'{face.fake_score:.4f}',
            )
            for face in faces[_NUM_FACES_SHOWN:]
        ]
        header = ('face', 'from', 'to', 'verdict', 'P(fake)')
        tables.append(PageTable('Further faces', header, rows))
    return tables


def _span(part: FaceResult | WindowScore) -> tuple[str, str]:
    return _clock(part.start_seconds), _clock(part.end_seconds)


def _video_facts(result: VideoResult) -> list[tuple[str, str]]:
    return [
        ('video', f'{result.width} x {result.height} pixels, {result.num_frames} '
         f'frames, {result.fps:g} per second, {_clock(result.duration_seconds)}'),
    ]  # fmt: skip


def _inference_facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and value of each fact; nested names are joined."""
    pairs = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            inner = _inference_facts(value)
            pairs += [(f'{name}: {part}', text) for part, text in inner]
        elif value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            pairs.append((name.replace('_', ' '), text))
    return pairs


def _clock(seconds: float) -> str:
    """Format a time as '1:02:03', or as '2.75 s' below a minute."""
    return f'{seconds:.2f} s' if seconds < 60 else format_time(seconds)
