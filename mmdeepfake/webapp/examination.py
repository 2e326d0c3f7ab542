"""Score an upload in the worker, and draw the images of the page."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.structures import BaseDataElement
from numpy.typing import NDArray

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.files.printable_text import hide_folders
from mmdeepfake.inference import LocalDecoder
from mmdeepfake.inference.detector_loading import announce
from mmdeepfake.inference.face_stream import FrameTimes, open_video
from mmdeepfake.inference.inferencer import DeepfakeInferencer, Progress
from mmdeepfake.inference.result_page import (
    capitalise,
    caption_peak,
    draw_peak,
    draw_result_timeline,
    encode_png,
    explain_verdict,
    name_face,
)
from mmdeepfake.inference.result_writers import ANNOTATED_MP4, write_video_results
from mmdeepfake.inference.results import (
    VERDICT_MEANINGS,
    VERDICT_WORDS,
    FaceResult,
    PeakSnippet,
    VideoResult,
)
from mmdeepfake.visualization.evidence import (
    find_basis_regions,
    list_ratf_layers,
    normalise,
)
from mmdeepfake.visualization.overlays import overlay_regions
from mmdeepfake.visualization.score_timeline import PLOT_SPAN

from .limits import Limits, Refusal

NUM_FACES_SHOWN = 6
TIMELINE_SVG = 'timeline.svg'
Report = Callable[[str, int, int | None], None]
_STAGES = {'find faces': 'Looking for faces', 'score': 'Scoring'}
_PATH = re.compile(r'(?:/[^\s/\'"]+){2,}')
logger = logging.getLogger(__name__)


class VideoExaminer:
    """Score uploads, and check their length and frame size."""

    def __init__(
        self,
        inferencer: DeepfakeInferencer,
        limits: Limits,
        *,
        is_starter: bool = False,
    ) -> None:
        self._inferencer = inferencer
        self._is_starter = is_starter
        self._limits = limits

    def describe(self) -> dict[str, Any]:
        """Return the public facts about the model."""
        facts = self._inferencer.facts
        return {
            'threshold': self._inferencer.threshold,
            'is_calibrated': self._inferencer.is_calibrated,
            'model': facts['weights'].get('model') or facts['config'],
            'version': facts['mmdeepfake'],
            'detector': announce(self._inferencer, is_starter=self._is_starter),
            'trained_on': str(self._inferencer.training_data),
        }

    def examine(
        self, upload: Path, folder: Path, name: str, report: Report
    ) -> dict[str, Any]:
        """Score one upload.

        Args:
            upload: the file.
            folder: receives the files that the visitor may see.
            name: the visitor's file name, for the downloads.
            report: called with stage, frames done, and total.

        Returns:
            The findings as plain JSON values; 'files' lists the files in `folder`.

        Raises:
            Refusal: the file is damaged, not a video, or above a limit.
        """
        try:
            self._check(upload)
            result = self._inferencer.infer(upload, progress=_translate(report))
        except ConfigError:
            raise
        except DataError as error:
            raise _refuse_file(error, upload) from error
        self._write(result, folder, name, report)
        model = getattr(self._inferencer.predictor, 'model', None)
        findings = describe_result(result)
        findings['faces'] = [
            describe_face(face, folder, model)
            for face in _main_first(result)[:NUM_FACES_SHOWN]
        ]
        timeline = draw_result_timeline(result)
        if timeline is not None:
            (folder / TIMELINE_SVG).write_bytes(timeline)
        findings['files'] = sorted(path.name for path in folder.iterdir())
        return findings

    def _check(self, upload: Path) -> None:
        source = open_video(upload, LocalDecoder())
        times = FrameTimes(source)
        self._limits.check_video(
            num_frames=source.num_packets,
            duration_seconds=times[source.num_packets],
            num_pixels=source.height * source.width,
        )

    def _write(
        self, result: VideoResult, folder: Path, name: str, report: Report
    ) -> None:
        """Write the downloads; they use the visitor's name of the video."""
        drawn = folder / 'drawn'

        def report_drawn(num_frames: int) -> None:
            report('Drawing the video', num_frames, result.num_frames)

        facts = self._inferencer.facts
        write_video_results(
            result,
            drawn,
            facts,
            report=False,
            on_frame=report_drawn,
            decoder=LocalDecoder(),
        )
        if (drawn / ANNOTATED_MP4).exists():
            (drawn / ANNOTATED_MP4).rename(folder / ANNOTATED_MP4)
        shutil.rmtree(drawn)
        named = replace(result, path=Path(name))
        write_video_results(named, folder, facts, annotate=False)


def make_video_examiner(settings: Mapping[str, Any], limits: Limits) -> VideoExaminer:
    """Make the examiner in the worker process, with settings of the inferencer."""
    # This process is isolated already, and restarted after a crash.
    inferencer = DeepfakeInferencer(**settings, decoder=LocalDecoder())
    is_starter = settings.get('checkpoint') is None
    return VideoExaminer(inferencer, limits, is_starter=is_starter)


def describe_result(result: VideoResult) -> dict[str, Any]:
    """Return the page's data about a video."""
    names = (
        'status', 'verdict', 'fake_score', 'threshold', 'lower_threshold',
        'is_calibrated', 'num_frames', 'fps', 'width', 'height', 'duration_seconds',
    )  # fmt: skip
    return {
        **{name: getattr(result, name) for name in names},
        'verdict_words': capitalise(VERDICT_WORDS[result.verdict]),
        'sentence': explain_verdict(result),
        'meaning': VERDICT_MEANINGS[result.verdict],
        'notes': [f'{capitalise(note)}.' for note in result.notes],
        'num_faces': len(result.faces),
        'is_judged': result.is_judged,
        'time_axis': PLOT_SPAN,
    }


def describe_face(face: FaceResult, folder: Path, model: Any) -> dict[str, Any]:
    """Return the page's data about a face, and write its images."""
    shown, num_ruling, num_filters = {}, 0, 0
    if face.peak is not None:
        shown['heat'] = draw_peak(face.peak)
        regions = find_regions(face.peak, model)
        if regions is not None:
            shown['regions'] = draw_regions(face.peak, *regions)
            num_ruling, num_filters = len(np.unique(regions[0])), regions[1]
    pictures = {kind: f'{kind}_{face.index}.png' for kind in shown}
    for kind, image in shown.items():
        (folder / pictures[kind]).write_bytes(encode_png(image))
    return {
        'index': face.index,
        'verdict': face.verdict,
        'name': name_face(face),
        'size_px': face.size_px,
        'doubts': [capitalise(str(doubt)) for doubt in face.doubts],
        'verdict_words': VERDICT_WORDS[face.verdict],
        'fake_score': face.fake_score,
        'start_seconds': face.start_seconds,
        'end_seconds': face.end_seconds,
        'caption': caption_peak(face) if face.peak is not None else '',
        'pictures': pictures,
        'num_ruling': num_ruling,
        'num_filters': num_filters,
    }


def find_regions(peak: PeakSnippet, model: Any) -> tuple[NDArray[np.int64], int] | None:
    """Return the dominant basis filter at each position, Eq. (3); None without RATF.

    Returns:
        (H, W) index of the filter with the largest weight, and the number of filters.
    """
    if model is None or not list_ratf_layers(model):
        return None
    clip_len = len(peak.frames)
    sample = BaseDataElement(
        metainfo=dict(num_clips=len(peak.inputs) // clip_len, clip_len=clip_len)
    )
    regions = find_basis_regions(model, normalise(model, peak.inputs, sample))
    chosen = regions.chosen_at_frame_size()[peak.snippet_index]
    return chosen, regions.weights.shape[1]


def draw_regions(
    peak: PeakSnippet, chosen: NDArray[np.int64], num_filters: int
) -> NDArray[np.uint8]:
    """Draw the frames of a snippet side by side, coloured by region: RGB."""
    painted = overlay_regions(
        peak.frames,
        np.repeat(chosen[None], len(peak.frames), axis=0),
        num_regions=num_filters,
    )
    return draw_peak(replace(peak, frames=painted, heat=None))


def _main_first(result: VideoResult) -> list[FaceResult]:
    scored = [face for face in result.faces if face.fake_score is not None]
    return sorted(scored, key=lambda face: (face.index > 0, -face.fake_score))


def _translate(report: Report) -> Callable[[Progress], None]:
    return lambda one: report(_STAGES[one.stage], one.done, one.total)


def _refuse_file(error: DataError, upload: Path) -> Refusal:
    """Return the reader's reason as a refusal, unless it contains a path."""
    reason = hide_folders(str(error), upload.parent)
    reason = reason.replace(f"video file '{upload.name}'", 'the file')
    if _PATH.search(reason):
        logger.warning(
            'error message hidden from the visitor, since it contains a path'
        )
        reason = 'it is damaged or truncated'
    return Refusal('broken', f'The file cannot be read as a video: {reason}.')
