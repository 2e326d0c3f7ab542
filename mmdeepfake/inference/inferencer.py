"""From raw videos to verdicts, with a config and trained weights."""

from __future__ import annotations

import contextlib
import functools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from numpy.typing import NDArray

from mmdeepfake.errors import ConfigError, DataError, InputError
from mmdeepfake.faces.detection import FaceDetector, build_detector
from mmdeepfake.files.printable_text import hide_folders
from mmdeepfake.prepare.clip_cutting import UNKNOWN_FPS
from mmdeepfake.prepare.preparation_settings import PreparationSettings
from mmdeepfake.prepare.video_preparation import describe_error, is_disk_error
from mmdeepfake.structures.training_data import TrainingData
from mmdeepfake.version import __version__
from mmdeepfake.video.isolation.isolated_video import shared_decoder
from mmdeepfake.video.local_decoding import VideoDecoder

from .choices import ALL_HEAT, FACES, FLOAT32, HEAT_MAPS, NO_HEAT, PEAK_HEAT
from .config_pipeline import ConfigPipeline, Sampling
from .decision import make_decision
from .detector_parts import choose_device, find_preparation, read_config
from .face_stream import (
    DetectedFaces,
    FaceStream,
    FrameTimes,
    Report,
    WholeFrames,
    open_video,
)
from .group_batches import GroupBatches
from .heat_store import HeatStore
from .predictors import Predictor, TorchPredictor, load_predictor
from .published_detector import locate_weights
from .results import VideoResult
from .snippet_plan import TEST_WINDOW, SnippetPlan, plan_snippets
from .video_job import VideoJob

_GROUPS_ON_GPU = 4  # groups in one batch by default; 1 on a CPU
# Ours, for a model of single frames; docs/inference.md has what it changes.
_FRAMES_PER_SECOND = 8


@dataclass(frozen=True)
class Progress:
    """Frames done, of a known total or None, in a stage: 'find faces' or 'score'."""

    video: str
    stage: str
    done: int
    total: int | None


Listener = Callable[[Progress], None]


class DeepfakeInferencer:
    """Score raw videos: every face, from its first frame to its last.

    A video is prepared like a training video: the preparation's code finds, tracks and
    cuts the faces, and the config's own test pipeline makes the model's input. If the
    config's videos are full frames (MiniFF, the uncropped FaceForensics++), its
    pipeline crops them and no faces are detected: the one "face" is that crop, and a
    note says so.

    Scores are P(fake). A face's score is the mean over snippets that cover every frame,
    averaged as the model averages snippets; a video's combines those of its faces by
    `track_rule`. `test_score` is the score of tools/test.py for the same video.

    Example:
        >>> inferencer = DeepfakeInferencer('config.py', 'best.pth')
        >>> result = inferencer('talk.mp4')
        >>> result.verdict, result.fake_score
        ('fake', 0.93)

    Args:
        config: path of a config, or a loaded one. None takes the one that training
            wrote beside the checkpoint, see `find_config`, or the published one. A
            config is Python code and is run: accept none from strangers. A published
            one is not run.
        checkpoint: all trained weights of the config's model, as plain data (no code
            is run); an exported model, recognised by its suffix; the folder of a
            training or of a published detector. None takes the starter detector.
        cfg_options: dotted keys and values that replace those of the config.
        device: 'auto' (a GPU if there is one), 'cpu', 'cuda', 'cuda:1'.
        batch_size: snippets in one forward pass, across faces and videos; at least the
            config's number of snippets at test. None: that number, or four times that
            on a GPU.
        operating_point: file of tools/calibrate.py. None takes operating_point.json
            beside the checkpoint; without one the threshold is 0.5, and the result
            says that it is not calibrated.
        threshold: replaces any operating point.
        track_rule: 'max' (the most suspicious face decides) or 'mean'.
        ignore_training_domain: judge also by a model that was trained on rendered
            heads or unknown data; otherwise the verdict is 'not valid'.
        preparation: settings of the training data's preparation, if not the defaults
            or those of a published detector.
        detector: replaces the one named in `preparation`.
        faces: 'config' detects faces if the config's videos are prepared faces;
            'detect' and 'whole' override that.
        step_frames: approximate maximum distance between the starts of two snippets;
            more is faster. None skips no frame, but takes about 8 a second for a model
            that sees single frames; 1 takes all of them.
        window_seconds: length of video over which the snippets of one group are spread.
        dtype: 'float32'; 'bfloat16', which is faster on CPUs with AVX512_BF16 or AMX
            and changes scores beyond rounding; 'auto' takes bfloat16 there if the
            scores of the first snippets differ by 0.02 at most, else float32.
        heat_map: 'peak' makes heat maps for the most suspicious snippet of each face;
            'all' for every snippet, for the annotated video; 'none' for none. They cost
            little if the heat layer is the backbone's last, as in a ResNet at 224
            pixels; otherwise 'all' is about three times the work of the model.
        predictor: replaces the checkpoint.
        decoder: opens the videos. None decodes in separate processes, so that a file
            that crashes, hangs or exhausts the memory of a decoder costs only that
            file; an `IsolatedDecoder` may have other limits; a `LocalDecoder` decodes
            in this process.
        timeout_seconds: a video that takes longer fails; None for no limit.

    Raises:
        InputError: a file is missing, weights do not fit, the config contradicts
            itself, or a value is out of range.
    """

    def __init__(
        self,
        config: str | os.PathLike[str] | Config | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        *,
        cfg_options: Mapping[str, Any] | None = None,
        device: str = 'auto',
        batch_size: int | None = None,
        operating_point: str | os.PathLike[str] | None = None,
        threshold: float | None = None,
        track_rule: str = 'max',
        ignore_training_domain: bool = False,
        preparation: PreparationSettings | None = None,
        detector: FaceDetector | None = None,
        faces: str = 'config',
        step_frames: int | None = None,
        window_seconds: float = 10.0,
        dtype: str = FLOAT32,
        heat_map: str = PEAK_HEAT,
        predictor: Predictor | None = None,
        decoder: VideoDecoder | None = None,
        timeout_seconds: float | None = None,
    ) -> None:
        for name, value, allowed in (
            ('heat_map', heat_map, HEAT_MAPS),
            ('faces', faces, FACES),
        ):
            if value not in allowed:
                raise ConfigError(
                    f'{name}={value!r}; allowed: ' + ', '.join(map(repr, allowed))
                )
        if step_frames is not None and step_frames < 1:
            raise ConfigError(f'step_frames={step_frames!r}; allowed: 1 or more')
        _check_seconds('window_seconds', window_seconds)
        if timeout_seconds is not None:
            _check_seconds('timeout_seconds', timeout_seconds)
        path = None
        if predictor is None:
            if checkpoint is None and config is not None:
                raise ConfigError('no checkpoint: a verdict needs trained weights')
            path = locate_weights(checkpoint)
        cfg = read_config(config, path, cfg_options)
        self._pipeline = ConfigPipeline(cfg)
        self._step_frames = step_frames
        self._window_seconds = window_seconds
        self._timeout_seconds = timeout_seconds
        self.decoder: VideoDecoder = decoder or shared_decoder()
        self._settings = preparation or find_preparation(path)
        self._looks_for_faces = (
            self._pipeline.needs_faces if faces == 'config' else faces == 'detect'
        )
        chosen = choose_device(device)
        self._num_groups = _count_groups(batch_size, self.sampling, chosen)
        self._predictor = predictor or load_predictor(
            cfg, path, self.sampling, chosen, dtype=dtype, heat_map=heat_map
        )
        self._decision = make_decision(
            model_type=str(cfg.model.get('type')),
            checkpoint=path,
            weights=self._predictor.describe(),
            operating_point=operating_point,
            threshold=threshold,
            track_rule=track_rule,
            ignore_training_domain=ignore_training_domain,
        )
        self._detector = detector
        if self._looks_for_faces and detector is None:
            self._detector = build_detector(
                self._settings.detector, **self._settings.detector_options
            )
        self._heat_map = heat_map
        self._cfg_options = dict(cfg_options) if cfg_options else None
        self._config_name = Path(cfg.filename).name if cfg.filename else None
        self._device, self._dtype = str(chosen), dtype

    @property
    def sampling(self) -> Sampling:
        """Sizes of a snippet and of a group of snippets."""
        return self._pipeline.sampling

    @property
    def training_data(self) -> TrainingData:
        """What the model was trained on."""
        return self._decision.training_data

    @property
    def name(self) -> str:
        """Name of a published detector, or of the file of weights."""
        weights = self._predictor.describe()
        keys = ('name', 'checkpoint', 'file', 'kind')
        return next((str(weights[key]) for key in keys if key in weights), 'detector')

    def __repr__(self) -> str:
        """Return one short line."""
        return (
            f'<{type(self).__name__} {self.name}, trained on {self.training_data}, '
            f'threshold {self.threshold:.3f}>'
        )

    @property
    def threshold(self) -> float:
        """Lowest score that is called fake."""
        return self._decision.threshold

    @property
    def is_calibrated(self) -> bool:
        """Whether the threshold was chosen on validation videos."""
        return self._decision.is_calibrated

    @property
    def predictor(self) -> Predictor:
        """Model that scores the snippets."""
        return self._predictor

    @property
    def facts(self) -> dict[str, Any]:
        """Model, settings and versions behind the scores, as plain JSON values."""
        preparation = None
        if self._looks_for_faces:
            preparation = {
                **self._settings.to_dict(),
                'detector': getattr(
                    self._detector, 'name', type(self._detector).__name__
                ),
            }
        return {
            'mmdeepfake': __version__,
            'config': self._config_name,
            'cfg_options': self._cfg_options,
            'weights': self._predictor.describe(),
            **self._decision.describe(),
            'test_score_rule': f'{self.sampling.num_snippets} snippets in the middle of'
            ' equal parts of the main face, before the temperature, as tools/test.py',
            **asdict(self.sampling),
            'step_frames': self._step_frames or self._default_step(),
            'window_seconds': self._window_seconds,
            'heat_map': self._heat_map,
            'device': self._device,
            'dtype': self._dtype,
            'preparation': preparation,
        }

    def infer(
        self, path: str | os.PathLike[str], *, progress: Listener | None = None
    ) -> VideoResult:
        """Score one video.

        Raises:
            InputError: the file is missing, damaged or not a video; the message names
                it without its folder.
        """
        ((result, error),) = self._run([Path(path)], progress)
        if isinstance(error, InputError):
            raise DataError(result.fault) from error
        if error is not None:
            raise error
        return result

    def __call__(self, path: str | os.PathLike[str]) -> VideoResult:
        """Score one video; see `infer`."""
        return self.infer(path)

    def features(self, path: str | os.PathLike[str]) -> list[NDArray[np.float32]]:
        """Return the features of each face, its main one first: (rows, D), by time.

        They are the input of the classifier's last layer. A model that scores single
        snippets gives a row for each, in the order of `FaceResult.snippets`; others
        give the rows of one group of snippets after another. A face that is too short
        has no rows.

        Raises:
            InputError: the video cannot be read, or the model is an exported file.
        """
        if not isinstance(self._predictor, TorchPredictor):
            raise ConfigError('features need a checkpoint, not an exported file')
        job = VideoJob(Path(path), self._decision, self.sampling)
        ignore: Report = lambda *_: None  # noqa: E731
        with contextlib.closing(self._open(job, ignore)) as stream:
            plans = [self._plan(job, stream, face.num_frames) for face in stream.faces]
            found: list[list[tuple[int, NDArray]]] = [[] for _ in plans]
            for which, group, packed in stream.read(plans, ignore):
                if group.window == TEST_WINDOW:
                    continue
                rows = self._predictor.features(packed.inputs)
                starts = group.frame_indices[:: self.sampling.clip_len]
                if len(rows) != len(starts):
                    starts = [group.frame_indices[0]] * len(rows)
                found[which] += zip(map(int, starts), rows, strict=True)
        in_order = [sorted(rows, key=lambda pair: pair[0]) for rows in found]
        return [np.array([row for _, row in rows], np.float32) for rows in in_order]

    def infer_many(
        self,
        paths: Iterable[str | os.PathLike[str]],
        *,
        progress: Listener | None = None,
    ) -> Iterator[VideoResult]:
        """Score videos and yield each result, in order, as soon as it is complete.

        A file that cannot be scored has status 'failed' and the reason in `fault`; the
        others are scored.

        Raises:
            TypeError: `paths` is a single path.
        """
        if isinstance(paths, str | os.PathLike):
            raise TypeError(f'{paths!r} is one path; infer_many takes a list of them')
        for result, _ in self._run(map(Path, paths), progress):
            yield result

    def _run(
        self, paths: Iterable[Path], progress: Listener | None
    ) -> Iterator[tuple[VideoResult, Exception | None]]:
        batches = GroupBatches(
            self._predictor,
            self._num_groups,
            explains_all=self._heat_map == ALL_HEAT,
        )
        with contextlib.closing(batches):
            yield from self._score_all(paths, batches, progress)

    def _score_all(
        self,
        paths: Iterable[Path],
        batches: GroupBatches,
        progress: Listener | None,
    ) -> Iterator[tuple[VideoResult, Exception | None]]:
        pending: deque[VideoJob] = deque()
        for path in paths:
            job = VideoJob(
                path, self._decision, self.sampling, timeout=self._timeout_seconds
            )
            pending.append(job)
            try:
                self._submit(job, batches, progress)
            except Exception as error:
                if isinstance(error, ConfigError) or is_disk_error(error):
                    raise
                job.error = error
            batches.settle()
            while pending and pending[0].is_done:
                yield self._finish(pending.popleft())
        batches.flush()
        while pending:
            yield self._finish(pending.popleft())

    def _submit(
        self, job: VideoJob, batches: GroupBatches, progress: Listener | None
    ) -> None:
        """Find the faces of a video and submit all of their snippets for scoring."""

        def report(stage: str, done: int, total: int | None) -> None:
            job.check_time()
            if progress is not None:
                progress(Progress(job.path.name, stage, done, total))

        with contextlib.closing(self._open(job, report)) as stream:
            self._score(job, stream, batches, report)
        for note in stream.notes:
            job.note(note)
        job.is_read = True

    def _score(
        self, job: VideoJob, stream: FaceStream, batches: GroupBatches, report: Report
    ) -> None:
        plans = [self._plan(job, stream, face.num_frames) for face in stream.faces]
        job.set_faces(stream.faces, plans)
        if self._heat_map == ALL_HEAT:
            job.heat = HeatStore()
        if any(plan is not None for plan in plans):
            for which, group, packed in stream.read(plans, report):
                job.num_waiting += 1
                receive = functools.partial(job.take, which, group, packed)
                batches.add(packed.inputs, receive)
                job.check_time()
                if job.error is not None:
                    return

    def _open(self, job: VideoJob, report: Report) -> FaceStream:
        source = open_video(job.path, self.decoder)
        times = FrameTimes(source)
        size = dict(height=source.height, width=source.width)
        for note in self._decision.notes:
            job.note(note)
        if self._looks_for_faces:
            assert self._detector is not None  # built by the constructor
            stream: FaceStream = DetectedFaces(
                source, self._pipeline, self._detector, self._settings, report
            )
        else:
            stream = WholeFrames(source, self._pipeline, self.decoder)
            job.note(
                'no face was looked for: the config crops a fixed part of the frame, '
                'and that is scored whatever it shows'
            )
        job.describe(times, num_frames=stream.num_frames, **size)
        if source.fps is None:
            job.note(
                f'unknown frame rate; times assume {UNKNOWN_FPS:g} frames per second'
            )
        return stream

    def _plan(
        self, job: VideoJob, stream: FaceStream, num_frames: int
    ) -> SnippetPlan | None:
        if num_frames < self._pipeline.min_frames:
            job.note(
                f'a face has {num_frames} frames, fewer than the '
                f'{self._pipeline.min_frames} of a snippet; it has no score'
            )
            return None
        window = max(1, round(self._window_seconds * job.fps))
        return plan_snippets(
            num_frames,
            self.sampling,
            self._pipeline.sample_for_test(num_frames),
            step_frames=self._step_frames or self._default_step(job.fps),
            window_frames=stream.limit_window(window),
        )

    def _default_step(self, fps: float | None = None) -> int | str:
        """Return the step that skips no frame; of single frames, that for a rate."""
        if self.sampling.span > 1:
            return self.sampling.span
        if fps is None:
            return f'{_FRAMES_PER_SECOND} frames a second'
        return max(1, round(fps / _FRAMES_PER_SECOND))

    def _finish(self, job: VideoJob) -> tuple[VideoResult, Exception | None]:
        if job.error is None and self._heat_map != NO_HEAT:
            try:
                job.explain_peaks(self._predictor.explain)
            except ConfigError as error:
                job.note(f'no heat map: {error}')
        fault = ''
        if job.error is not None:
            fault = hide_folders(describe_error(job.error), job.path.parent)
        return job.finish(fault), job.error


def _count_groups(
    batch_size: int | None, sampling: Sampling, device: torch.device
) -> int:
    if batch_size is None:
        return _GROUPS_ON_GPU if device.type == 'cuda' else 1
    if batch_size < sampling.num_snippets:
        raise ConfigError(
            f'batch size {batch_size}; allowed: {sampling.num_snippets} or more, the '
            "config's number of snippets"
        )
    return batch_size // sampling.num_snippets


def _check_seconds(name: str, value: float) -> None:
    if not 0 < value < float('inf'):
        raise ConfigError(f'{name}={value!r}; allowed: a number above 0')
