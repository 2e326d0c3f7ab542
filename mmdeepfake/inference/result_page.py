"""The report of a result, in words and pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.prepare.progress import format_time
from mmdeepfake.structures import FAILED, NO_FACE, OK
from mmdeepfake.visualization.html_page import PageTable
from mmdeepfake.visualization.overlays import overlay_heat
from mmdeepfake.visualization.score_timeline import FaceLine, draw_timeline
from mmdeepfake.visualization.video_page import FacePanel, VideoPage

from .results import TOO_SHORT, FaceResult, PeakSnippet, VideoResult

_NUM_FACES_SHOWN = 12  # in full; all are in result.json
_NUM_WINDOWS_SHOWN = 20
_STRIP_SIDE_PX = 200  # of one frame; smaller ones are enlarged
_NO_SCORE = {
    NO_FACE: 'no face was found, so there is no score',
    TOO_SHORT: 'no face is seen long enough to be scored',
    FAILED: 'the video could not be read',
}


def describe_verdict(result: VideoResult) -> str:
    """Say the verdict, the score and the threshold in one ASCII line."""
    if result.status != OK:
        return _NO_SCORE[result.status]
    state = '' if result.is_calibrated else ', not calibrated'
    return (
        f'{result.verdict}: P(fake) {result.fake_score:.3f}, called fake from '
        f'{result.threshold:.3f} on{state}'
    )


def make_page(result: VideoResult, facts: Mapping[str, Any]) -> VideoPage:
    """Gather what the report of a video shows."""
    scored = [face for face in result.faces if face.windows]
    by_score = sorted(scored, key=lambda face: -face.fake_score)
    notes = [result.fault] if result.fault else []
    if not result.is_calibrated:
        notes.append(
            f'The threshold {result.threshold:g} is not calibrated: how often it calls '
            'a real video fake is unknown. tools/calibrate.py chooses one on '
            'validation videos.'
        )
    return VideoPage(
        title=result.name.encode('utf-8', 'replace').decode(),
        verdict=result.verdict,
        sentence=describe_verdict(result).removeprefix(f'{result.verdict}: '),
        notes=[*notes, *(f'{note[:1].upper()}{note[1:]}.' for note in result.notes)],
        timeline=_draw_timeline(result, scored) if scored else None,
        faces=[_panel(face) for face in by_score[:_NUM_FACES_SHOWN]],
        tables=_tables(by_score),
        facts=[*_video_facts(result), *_inference_facts(facts)],
    )


def draw_peak(peak: PeakSnippet) -> NDArray[np.uint8]:
    """Draw the frames of a snippet side by side, with its heat maps below: RGB."""
    rows = [peak.frames]
    if peak.heat is not None:
        rows.append(overlay_heat(peak.frames, peak.heat))
    picture = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
    factor = max(1, round(_STRIP_SIDE_PX / peak.frames.shape[1]))
    size = (picture.shape[1] * factor, picture.shape[0] * factor)
    return cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST)


def draw_result_timeline(result: VideoResult) -> bytes | None:
    """Draw the scores of all faces over time as PNG; None where there are none."""
    scored = [face for face in result.faces if face.windows]
    return _draw_timeline(result, scored) if scored else None


def _draw_timeline(result: VideoResult, faces: list[FaceResult]) -> bytes:
    lines = []
    for face in faces:
        middles = [(s.start_seconds + s.end_seconds) / 2 for s in face.snippets]
        lines.append(
            FaceLine(
                f'face {face.index}',
                np.array(middles),
                np.array([snippet.fake_score for snippet in face.snippets]),
                [(w.start_seconds, w.end_seconds, w.fake_score) for w in face.windows],
            )
        )
    return draw_timeline(
        lines,
        threshold=result.threshold,
        duration_seconds=result.duration_seconds,
        is_calibrated=result.is_calibrated,
    )


def _panel(face: FaceResult) -> FacePanel:
    main = ', the main one' if face.index == 0 else ''
    pictures = []
    if face.peak is not None:
        peak = face.highest
        shows = (
            f'Its most suspicious snippet, {peak.fake_score:.3f} at '
            f'{peak.start_seconds:.2f} s, as the model saw it'
        )
        if face.peak.heat is not None:
            shows += '; below, where it looks fake (Grad-CAM)'
        bgr = cv2.cvtColor(draw_peak(face.peak), cv2.COLOR_RGB2BGR)
        pictures.append((shows, cv2.imencode('.png', bgr)[1].tobytes()))
    return FacePanel(
        f'Face {face.index}{main}: {face.verdict}',
        [
            ('P(fake)', f'{face.fake_score:.4f}'),
            ('score of tools/test.py', f'{face.test_score:.4f}'),
            ('seen', f'{_clock(face.start_seconds)} to {_clock(face.end_seconds)}'),
            ('snippets', str(len(face.snippets)) if face.snippets else 'not told'),
        ],
        pictures,
    )


def _tables(faces: list[FaceResult]) -> list[PageTable]:
    windows = [(w, face.index) for face in faces for w in face.windows]
    windows.sort(key=lambda pair: -pair[0].fake_score)
    tables = []
    if len(windows) > 1:
        shown = windows[:_NUM_WINDOWS_SHOWN]
        tables.append(
            PageTable(
                'Stretches by score',
                ('face', 'from', 'to', 'P(fake)'),
                [
                    (
                        str(index),
                        _clock(w.start_seconds),
                        _clock(w.end_seconds),
                        f'{w.fake_score:.4f}',
                    )
                    for w, index in shown
                ],
                _left_out(len(windows) - len(shown)),
            )
        )
    if len(faces) > _NUM_FACES_SHOWN:
        tables.append(
            PageTable(
                'Further faces',
                ('face', 'from', 'to', 'verdict', 'P(fake)'),
                [
                    (
                        str(face.index),
                        _clock(face.start_seconds),
                        _clock(face.end_seconds),
                        face.verdict,
                        f'{face.fake_score:.4f}',
                    )
                    for face in faces[_NUM_FACES_SHOWN:]
                ],
            )
        )
    return tables


def _left_out(num: int) -> list[str]:
    return [f'{num} more are in scores.csv'] if num else []


def _video_facts(result: VideoResult) -> list[tuple[str, str]]:
    return [
        ('video', f'{result.width} x {result.height} pixels, {result.num_frames} '
         f'frames, {result.fps:g} a second, {_clock(result.duration_seconds)}'),
    ]  # fmt: skip


def _inference_facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give name and value of each fact; those of a part follow its name."""
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
    """Give a time as '1:02:03', or '2.75 s' under a minute."""
    return f'{seconds:.2f} s' if seconds < 60 else format_time(seconds)
