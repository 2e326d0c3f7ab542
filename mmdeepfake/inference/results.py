"""The results of inference, as plain data.

Frames are counted from 0 in the source video; a last frame is inclusive, and
`end_seconds` is the end of that frame. Every
`fake_score` is P(fake) after the temperature of the operating point, if any; `None` if
nothing could be scored.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mmdeepfake.structures import FAILED, NO_FACE, OK, FaceTrack

from .heat_store import HeatStore

TOO_SHORT = 'too_short'  # faces were found, none long enough for one snippet
STATUSES = (OK, NO_FACE, TOO_SHORT, FAILED)
# The words of each verdict for readers; files have the keys.
VERDICT_WORDS = {
    'fake': 'signs of manipulation',
    'uncertain': 'uncertain',
    'real': 'no sign of manipulation found',
    'no face': 'no face',
    'none': 'not scored',
}
VERDICTS = tuple(VERDICT_WORDS)
FAKE_VERDICT, UNCERTAIN_VERDICT, REAL_VERDICT, NO_FACE_VERDICT, NO_VERDICT = VERDICTS


@dataclass(frozen=True, slots=True)
class WindowScore:
    """The score of one window of a face: of all its snippets together.

    The scores are averaged as the model averages the snippets of a video.
    """

    first_frame: int
    last_frame: int
    start_seconds: float
    end_seconds: float
    fake_score: float


@dataclass(frozen=True, slots=True)
class SnippetScore(WindowScore):
    """The score of one snippet of one face.

    Attributes:
        box_x1y1x2y2_px: the model's crop of the source frame, at its first frame.
    """

    box_x1y1x2y2_px: tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class PeakSnippet:
    """The snippet of a face with the highest score, for display.

    Attributes:
        snippet: its score.
        frames: (T, H, W, 3) uint8 RGB, as the model saw them.
        inputs: the packed group that it was scored in, as `Predictor.predict` takes it.
        snippet_index: its index in that group.
        heat: (T, h, w) float32, evidence for a fake, scaled to a maximum of 1; None if
            there is no heat map.
    """

    snippet: SnippetScore
    frames: NDArray[np.uint8]
    inputs: Tensor
    snippet_index: int
    heat: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class FaceResult:
    """The result of one face: one person in one shot.

    Attributes:
        index: 0 is the main face, which tools/test.py scores; see `track_choice`.
        verdict: one of `VERDICTS`; 'none' if the face is too short.
        fake_score: of all snippets that cover it.
        test_score: of the snippets that the config tests, before the temperature.
        windows: by time.
        snippets: by time; empty if the model does not score snippets.
        track: its boxes; None if the config crops a fixed square.
        highest: its most suspicious snippet.
        peak: the same with its frames, kept for the most suspicious faces of a video.
    """

    index: int
    first_frame: int
    num_frames: int
    start_seconds: float
    end_seconds: float
    verdict: str = NO_VERDICT
    fake_score: float | None = None
    test_score: float | None = None
    windows: tuple[WindowScore, ...] = ()
    snippets: tuple[SnippetScore, ...] = ()
    track: FaceTrack | None = None
    highest: SnippetScore | None = None
    peak: PeakSnippet | None = None

    @property
    def last_frame(self) -> int:
        """Index of its last frame."""
        return self.first_frame + self.num_frames - 1


@dataclass(frozen=True, eq=False)
class VideoResult:
    """The result of one video.

    Attributes:
        status: one of `STATUSES`.
        verdict: one of `VERDICTS`; 'no face' and 'none' do not mean real.
        threshold: lowest score that is called fake.
        lower_threshold: lowest score that is uncertain; `threshold` if none is.
        is_calibrated: whether the threshold was chosen on validation videos.
        fake_score: of its faces together, by the inferencer's rule.
        test_score: the main face's, as tools/test.py gives it, before the temperature.
        faces: the main one first.
        fps: the mean if the frame rate varies.
        height: of an upright frame, in pixels.
        width: of an upright frame, in pixels.
        fault: why it failed; names the file without its folder.
        notes: warnings, one sentence each.
        seconds: wall time until its last score, other videos of the batch included.
        heat: heat maps of all snippets, if requested.
    """

    path: Path
    status: str
    verdict: str
    threshold: float
    lower_threshold: float
    is_calibrated: bool
    fake_score: float | None = None
    test_score: float | None = None
    faces: tuple[FaceResult, ...] = ()
    num_frames: int = 0
    fps: float = 0.0
    height: int = 0
    width: int = 0
    fault: str = ''
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    heat: HeatStore | None = None

    @property
    def name(self) -> str:
        """File name of the video."""
        return self.path.name

    @property
    def duration_seconds(self) -> float:
        """Duration of the video."""
        return self.num_frames / self.fps if self.fps else 0.0
