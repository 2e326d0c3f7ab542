"""Collect the scores of one video and make its result."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mmdeepfake.errors import DataError
from mmdeepfake.structures import FAILED, NO_FACE, OK

from .config_pipeline import PackedGroup, Sampling
from .decision import Decision
from .face_quality import FaceLook, list_track_doubts, measure_size
from .face_stream import FaceSpan, FrameTimes
from .heat_store import HeatStore
from .predictors import GroupPrediction
from .results import (
    NO_FACE_VERDICT,
    NO_VERDICT,
    TOO_SHORT,
    FaceResult,
    PeakSnippet,
    SnippetScore,
    VideoResult,
    WindowScore,
)
from .snippet_plan import TEST_WINDOW, SnippetGroup, SnippetPlan

# Faces whose most suspicious snippet is kept with its frames, some MB each: a film has
# thousands of shots, and a new face track in each.
NUM_PEAKS_KEPT = 12
Explain = Callable[[Tensor], NDArray[np.float32]]


@dataclass(eq=False)
class _FaceScores:
    """The scores of one face so far, before the temperature."""

    span: FaceSpan
    plan: SnippetPlan | None
    look: FaceLook = field(default_factory=FaceLook)
    test_score: float | None = None
    group_scores: dict[int, list[float]] = field(default_factory=dict)  # by window
    snippets: list[SnippetScore] = field(default_factory=list)
    highest: SnippetScore | None = None
    peak: PeakSnippet | None = None


class VideoJob:
    """Collect the scores of one video, which arrive batch by batch.

    Attributes:
        num_waiting: groups without scores yet.
        is_read: whether all of its groups were submitted.
        error: why it failed.
        heat: stores heat maps of all snippets; None stores none.
    """

    def __init__(
        self,
        path: Path,
        decision: Decision,
        sampling: Sampling,
        *,
        timeout: float | None = None,
    ) -> None:
        self.path = path
        self._timeout = timeout
        self.num_waiting = 0
        self.is_read = False
        self.error: Exception | None = None
        self.heat: HeatStore | None = None
        self._decision = decision
        self._sampling = sampling
        self._start = time.monotonic()
        self._facts: dict[str, Any] = {}
        self._notes: list[str] = []
        self._faces: list[_FaceScores] = []
        self._with_peak: list[_FaceScores] = []
        self._times: FrameTimes | None = None

    @property
    def fps(self) -> float:
        """Frames per second of the video."""
        return self._facts['fps']

    @property
    def is_done(self) -> bool:
        """Whether it failed or all scores have arrived."""
        return self.error is not None or (self.is_read and not self.num_waiting)

    def check_time(self) -> None:
        """Raise `DataError` after the timeout."""
        seconds = time.monotonic() - self._start
        if self._timeout is not None and seconds > self._timeout:
            raise DataError(
                f'video file {str(self.path)!r} took longer than the '
                f'{self._timeout:g} s allowed'
            )

    def describe(self, times: FrameTimes, **facts: Any) -> None:
        """Set the facts of the video: num_frames, height, width."""
        self._times = times
        self._facts = {'fps': times.fps, **facts}

    def note(self, text: str) -> None:
        """Add a sentence to the result, once."""
        if text not in self._notes:
            self._notes.append(text)

    def set_faces(
        self, spans: Sequence[FaceSpan], plans: Sequence[SnippetPlan | None]
    ) -> None:
        """Set the faces, the main one first; the plan of a short face is None."""
        self._faces = [
            _FaceScores(span, plan) for span, plan in zip(spans, plans, strict=True)
        ]

    def take(
        self,
        which: int,
        group: SnippetGroup,
        packed: PackedGroup,
        prediction: GroupPrediction | Exception,
    ) -> None:
        """Add the scores of one group of a face, or the error of scoring it."""
        self.num_waiting -= 1
        if self.error is not None:
            return
        if isinstance(prediction, Exception):
            self.error = prediction
            return
        values = (prediction.fake_score, *prediction.snippet_scores)
        if not all(0 <= value <= 1 for value in values):  # nan fails here too
            self.error = DataError(
                f'the model returned the scores {values}; its training diverged'
            )
            return
        face = self._faces[which]
        if group.is_test:
            face.test_score = prediction.fake_score
        if group.window == TEST_WINDOW:
            return
        scores = face.group_scores.setdefault(group.window, [])
        scores.append(prediction.fake_score)
        heat = prediction.heat
        by_snippet = prediction.snippet_scores or (prediction.fake_score,)
        snippets = [
            self._snippet(face, group, packed, index, score)
            for index, score in enumerate(by_snippet)
        ]
        if prediction.snippet_scores:
            face.snippets += snippets
        if heat is not None and self.heat is not None:
            self._store_heat(which, snippets, heat)
        for index in range(len(snippets)):
            face.look.add(self._frames(packed.inputs, index))
        best = int(np.argmax(by_snippet))
        if face.highest is None or by_snippet[best] > face.highest.fake_score:
            face.highest = snippets[best]
            self._keep_peak(face, packed.inputs, best, heat)

    def _keep_peak(
        self,
        face: _FaceScores,
        inputs: Tensor,
        best: int,
        heat: NDArray[np.float32] | None,
    ) -> None:
        """Keep the frames of a face's new peak, if it is among the highest."""
        frames = self._frames(inputs, best)
        face.peak = PeakSnippet(
            face.highest, frames, inputs, best, self._heat_of_peak(heat, best)
        )
        if face not in self._with_peak:
            self._with_peak.append(face)
        if len(self._with_peak) > NUM_PEAKS_KEPT:
            lowest = min(self._with_peak, key=lambda one: one.highest.fake_score)
            self._with_peak.remove(lowest)
            lowest.peak = None

    def _frames(self, inputs: Tensor, index: int) -> NDArray[np.uint8]:
        return frames_of_snippet(inputs, index, clip_len=self._sampling.clip_len)

    def _store_heat(
        self, which: int, snippets: list[SnippetScore], heat: NDArray[np.float32]
    ) -> None:
        """Store the heat maps of each snippet of a group, (S*T, h, w)."""
        if len(snippets) != self._sampling.num_snippets:
            return
        by_snippet = heat.reshape(len(snippets), -1, *heat.shape[1:])
        for snippet, maps in zip(snippets, by_snippet, strict=True):
            self.heat.add(which, snippet.first_frame, maps)

    def _snippet(
        self,
        face: _FaceScores,
        group: SnippetGroup,
        packed: PackedGroup,
        index: int,
        score: float,
    ) -> SnippetScore:
        place = index * self._sampling.clip_len
        frames = group.frame_indices[place : place + self._sampling.clip_len]
        first, last = (int(frames[i]) + face.span.first_frame for i in (0, -1))
        box = tuple(round(float(side), 2) for side in packed.crop_boxes[place])
        return SnippetScore(first, last, *self._span_seconds(first, last), score, box)

    def _span_seconds(self, first: int, last: int) -> tuple[float, float]:
        return self._times[first], self._times[last + 1]

    def explain_peaks(self, explain: Explain) -> None:
        """Add heat maps to the kept peaks whose scores came without."""
        for face in self._with_peak:
            if face.peak.heat is None:
                heat = explain(face.peak.inputs)
                heat = self._heat_of_peak(heat, face.peak.snippet_index)
                face.peak = replace(face.peak, heat=heat)

    def _heat_of_peak(
        self, heat: NDArray[np.float32] | None, snippet_index: int
    ) -> NDArray[np.float32] | None:
        """Cut one snippet out of its group's heat maps; scale it to a maximum of 1."""
        if heat is None:
            return None
        place = snippet_index * self._sampling.clip_len
        maps = heat[place : place + self._sampling.clip_len]
        scaled = maps / max(float(maps.max()), np.finfo(np.float32).tiny)
        return scaled.astype(np.float32)

    def finish(self, fault: str = '') -> VideoResult:
        """Make the result from the collected scores."""
        decision = self._decision
        shared: dict[str, Any] = dict(
            path=self.path,
            threshold=decision.threshold,
            lower_threshold=decision.lower_threshold,
            is_calibrated=decision.is_calibrated,
            seconds=round(time.monotonic() - self._start, 3),
            **self._facts,
        )
        if self.error is not None:
            return VideoResult(status=FAILED, verdict=NO_VERDICT, fault=fault, **shared)
        raw = [self._merge(face) for face in self._faces]
        known = [score for score in raw if score is not None]
        faces = tuple(
            self._face_result(index, face, score)
            for index, (face, score) in enumerate(zip(self._faces, raw, strict=True))
        )
        shared |= dict(faces=faces, notes=tuple(self._notes), heat=self.heat)
        if not known:
            status, verdict = (
                (TOO_SHORT, NO_VERDICT) if faces else (NO_FACE, NO_FACE_VERDICT)
            )
            return VideoResult(status=status, verdict=verdict, **shared)
        score = decision.calibrate(decision.merge_faces(known))
        return VideoResult(
            status=OK,
            verdict=decision.judge(score),
            fake_score=score,
            test_score=faces[0].test_score,
            **shared,
        )

    def _merge(self, face: _FaceScores) -> float | None:
        scores = [one for window in face.group_scores.values() for one in window]
        return self._decision.merge_groups(scores) if scores else None

    def _face_result(
        self, index: int, face: _FaceScores, score: float | None
    ) -> FaceResult:
        span, decision = face.span, self._decision
        first, last = span.first_frame, span.first_frame + span.num_frames - 1
        doubts = face.look.list_doubts()
        known: dict[str, Any] = {}
        if span.track is not None:
            size = {side: self._facts[side] for side in ('height', 'width')}
            doubts = [*list_track_doubts(span.track, **size), *doubts]
            known = dict(size_px=round(measure_size(span.track)))
        if score is not None:
            calibrated = decision.calibrate(score)
            known |= dict(
                verdict=decision.judge(calibrated),
                fake_score=calibrated,
                test_score=face.test_score,
                windows=self._windows(face),
                snippets=tuple(
                    self._calibrated(s)
                    for s in sorted(face.snippets, key=lambda s: s.first_frame)
                ),
                highest=self._calibrated(face.highest),
                peak=face.peak
                and replace(face.peak, snippet=self._calibrated(face.highest)),
            )
        return FaceResult(
            index,
            first,
            span.num_frames,
            *self._span_seconds(first, last),
            track=span.track,
            doubts=tuple(doubts),
            **known,
        )

    def _calibrated(self, snippet: SnippetScore) -> SnippetScore:
        if self._decision.temperature == 1:
            return snippet
        score = self._decision.calibrate(snippet.fake_score)
        return replace(snippet, fake_score=score)

    def _windows(self, face: _FaceScores) -> tuple[WindowScore, ...]:
        windows = []
        for window, scores in sorted(face.group_scores.items()):
            low, high = face.plan.borders[window : window + 2].tolist()
            first, last = (face.span.first_frame + i for i in (low, high - 1))
            score = self._decision.calibrate(self._decision.merge_groups(scores))
            windows.append(
                WindowScore(first, last, *self._span_seconds(first, last), score)
            )
        return tuple(windows)


def frames_of_snippet(
    inputs: Tensor, snippet_index: int, *, clip_len: int
) -> NDArray[np.uint8]:
    """Return the frames of one snippet of a packed group: (T, H, W, 3) uint8 RGB."""
    if inputs.dim() == 5:
        frames = inputs[snippet_index].permute(1, 2, 3, 0)
    else:
        place = snippet_index * clip_len
        frames = inputs[place : place + clip_len].permute(0, 2, 3, 1)
    return frames.contiguous().numpy().copy()
