"""The results of inference, as plain data.

Frames are counted from 0 in the source video; a last frame is inclusive, and
`end_seconds` is the end of that frame. Every
`fake_score` is P(fake) after the temperature of the operating point, if any; `None` if
nothing could be scored.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mmdeepfake.errors import ConfigError
from mmdeepfake.structures import FAILED, NO_FACE, OK, FaceTrack

from .face_quality import Doubt
from .heat_store import HeatStore

TOO_SHORT = 'too_short'  # faces were found, none long enough for one snippet
STATUSES = (OK, NO_FACE, TOO_SHORT, FAILED)
# The words of each verdict for readers; files have the keys.
VERDICT_WORDS = {
    'fake': 'signs of manipulation',
    'uncertain': 'uncertain',
    'real': 'no sign of manipulation found',
    'not valid': 'not valid for this video',
    'no face': 'no face',
    'none': 'not scored',
}
# What each means, in the report and on the page.
VERDICT_MEANINGS = {
    'fake': 'The score is at or above the threshold.',
    'uncertain': 'The score is below the threshold, but too high to say that no sign '
    'of manipulation was found.',
    'real': 'The score is below the threshold. This does not prove that the video is '
    'real.',
    'not valid': 'The model is not known to have been trained on real video, so its '
    'score says nothing about this video.',
    'no face': 'No face was found, so there is no score. This does not mean that the '
    'video is real.',
    'none': 'No face is long enough to be scored. This does not mean that the video is '
    'real.',
}
VERDICTS = tuple(VERDICT_WORDS)
(
    FAKE_VERDICT,
    UNCERTAIN_VERDICT,
    REAL_VERDICT,
    NOT_VALID_VERDICT,
    NO_FACE_VERDICT,
    NO_VERDICT,
) = VERDICTS
SCHEMA_VERSION = 2  # of result.json; raised with every incompatible change
SCORE_COLUMNS = (
    'video', 'face', 'level', 'first_frame', 'last_frame', 'start_seconds',
    'end_seconds', 'x1', 'y1', 'x2', 'y2', 'fake_score',
)  # fmt: skip
SPAN_FIELDS = ('first_frame', 'last_frame', 'start_seconds', 'end_seconds')


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


@dataclass(frozen=True, eq=False, repr=False)
class FaceResult:
    """The result of one face: one person in one shot.

    Attributes:
        index: 0 is the main face, which tools/test.py scores; see `track_choice`.
        verdict: one of `VERDICTS`; 'none' if the face is too short.
        size_px: the median of its longer side in the video; None without a track.
        doubts: what speaks against trusting its score.
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
    size_px: int | None = None
    doubts: tuple[Doubt, ...] = ()
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

    def __repr__(self) -> str:
        """Return one short line."""
        place = f'{self.start_seconds:.2f} to {self.end_seconds:.2f} s'
        words = _describe(self.verdict, self.fake_score)
        return f'<FaceResult {self.index}: {words}, {place}>'

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; boxes are those of the snippets."""
        names = ('index', 'num_frames', *SPAN_FIELDS, 'size_px', 'verdict')
        names = (*names, 'fake_score', 'test_score')
        return {
            **{name: getattr(self, name) for name in names},
            'doubts': list(map(str, self.doubts)),
            'windows': [asdict(window) for window in self.windows],
            'snippets': [asdict(snippet) for snippet in self.snippets],
        }


@dataclass(frozen=True, eq=False, repr=False)
class VideoResult:
    """The result of one video.

    Attributes:
        status: one of `STATUSES`.
        verdict: one of `VERDICTS`; the last three do not mean real.
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
    def is_judged(self) -> bool:
        """Whether it has a verdict that comes from its score."""
        return self.fake_score is not None and self.verdict != NOT_VALID_VERDICT

    @property
    def most_suspicious(self) -> FaceResult | None:
        """Face with the highest score."""
        scored = [face for face in self.faces if face.fake_score is not None]
        return max(scored, key=lambda face: face.fake_score, default=None)

    @property
    def duration_seconds(self) -> float:
        """Duration of the video."""
        return self.num_frames / self.fps if self.fps else 0.0

    def __repr__(self) -> str:
        """Return one short line."""
        words = _describe(self.verdict, self.fake_score)
        is_unscored = self.fake_score is None and self.fault
        fault = f': {self.fault}' if is_unscored else ''
        return f'<VideoResult {self.name!r}: {words}{fault}>'

    def to_dict(self) -> dict[str, Any]:
        """Return the content of result.json, without the facts about the model."""
        names = (
            'status', 'verdict', 'fake_score', 'test_score', 'threshold',
            'lower_threshold', 'is_calibrated', 'num_frames', 'fps', 'height', 'width',
            'duration_seconds', 'fault', 'notes', 'seconds',
        )  # fmt: skip
        return {
            'schema_version': SCHEMA_VERSION,
            'video': as_utf8(self.name),
            **{name: getattr(self, name) for name in names},
            'fault': as_utf8(self.fault),
            'faces': [face.to_dict() for face in self.faces],
        }

    def score_rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of scores.csv: windows, then snippets, face by face."""
        for face in self.faces:
            for level, spans in (('window', face.windows), ('snippet', face.snippets)):
                for span in spans:
                    box = getattr(span, 'box_x1y1x2y2_px', (None,) * 4)
                    place = [getattr(span, name) for name in SPAN_FIELDS]
                    whose = (as_utf8(self.name), face.index, level)
                    yield (*whose, *place, *box, span.fake_score)

    def to_dataframe(self) -> Any:
        """Return the rows of scores.csv as a pandas DataFrame.

        Raises:
            ConfigError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ConfigError('a table needs pandas: pip install pandas') from error
        return pandas.DataFrame(self.score_rows(), columns=SCORE_COLUMNS)


def as_utf8(text: str) -> str:
    """Return a file name of any bytes as valid UTF-8 text."""
    return os.fsencode(text).decode('utf-8', 'replace')


def _describe(verdict: str, fake_score: float | None) -> str:
    words = VERDICT_WORDS[verdict]
    return words if fake_score is None else f'{words}, P(fake) {fake_score:.3f}'
