"""Corruptions of videos on their way from forger to detector, in five levels each.

A corruption changes the decoded video before snippets are sampled. It is seeded by the
video's key: its draw (a sign, places, lost frames) is made once per video; only noise
differs between frames. There are three kinds: changes of single frames, of timing, and
of the stream, which is encoded with x264 and decoded again.

Parameters in pixels refer to decoded frames. The levels are ours, from barely visible
to a face that is just recognisable.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from mmdeepfake.datasets.argument_checks import check_choice
from mmdeepfake.registry import TRANSFORMS

from ..frame_readers import FrameReader
from .changed_readers import (
    ChangedFrames,
    Frame,
    FrameChange,
    RetimedFrames,
    encode_again,
    resize_linearly,
    source_indices_of,
)

NUM_LEVELS = 5


@dataclass(frozen=True)
class Corruption:
    """A kind of corruption.

    Attributes:
        summary: description for tables and docs.
        parameter: meaning of the numbers in `levels`.
        levels: five values, from weak to strong.
        apply: (reader, value of the level, generator) -> reader of the corrupted video.
    """

    summary: str
    parameter: str
    levels: tuple[Any, ...]
    apply: Callable[[FrameReader, Any, np.random.Generator], FrameReader]


def _per_frame(
    make: Callable[[Any, np.random.Generator], FrameChange],
) -> Callable[[FrameReader, Any, np.random.Generator], FrameReader]:
    return lambda reader, value, rng: ChangedFrames(reader, make(value, rng))


def _smaller(ratio: float, _: np.random.Generator) -> FrameChange:
    def change(frame: Frame, _: int) -> Frame:
        height, width = frame.shape[:2]
        small = (max(1, round(width * ratio)), max(1, round(height * ratio)))
        reduced = cv2.resize(frame, small, interpolation=cv2.INTER_AREA)
        return resize_linearly(reduced, (width, height))

    return change


def _blurred(sigma_px: float, _: np.random.Generator) -> FrameChange:
    return lambda frame, _: cv2.GaussianBlur(frame, (0, 0), sigma_px)


def _noisy(standard_deviation: float, rng: np.random.Generator) -> FrameChange:
    seed = int(rng.integers(2**32))

    def change(frame: Frame, index: int) -> Frame:
        # The noise of a frame does not depend on the other frames read with it.
        noise = np.random.default_rng([seed, index]).normal(
            scale=standard_deviation, size=frame.shape
        )
        return _to_bytes(frame + noise)

    return change


def _jpeg(quality: int, _: np.random.Generator) -> FrameChange:
    def change(frame: Frame, _: int) -> Frame:
        bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        _, content = cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return cv2.cvtColor(cv2.imdecode(content, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    return change


def _less_contrast(factor: float, _: np.random.Generator) -> FrameChange:
    return lambda frame, _: _to_bytes(127.5 + (frame - 127.5) * factor)


def _less_saturation(factor: float, _: np.random.Generator) -> FrameChange:
    def change(frame: Frame, _: int) -> Frame:
        luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float64)
        return _to_bytes(luma + (frame - luma) * factor)

    return change


def _brighter_or_darker(levels: float, rng: np.random.Generator) -> FrameChange:
    shift = levels if rng.random() < 0.5 else -levels
    return lambda frame, _: _to_bytes(frame.astype(np.float64) + shift)


def _occluded(num_blocks: int, rng: np.random.Generator) -> FrameChange:
    places = rng.random((num_blocks, 2))

    def change(frame: Frame, _: int) -> Frame:
        height, width = frame.shape[:2]
        side = max(1, min(height, width) // 8)
        hidden = frame.copy()
        for down, right in places:
            y, x = int(down * (height - side + 1)), int(right * (width - side + 1))
            hidden[y : y + side, x : x + side] = 127
        return hidden

    return change


def _to_bytes(values: NDArray[np.floating]) -> Frame:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _drop_frames(
    reader: FrameReader, share: float, rng: np.random.Generator
) -> FrameReader:
    kept = rng.random(len(reader)) >= share
    kept[0] = True  # keep at least one frame
    return RetimedFrames(reader, np.flatnonzero(kept), reader.fps)


def _lower_frame_rate(
    reader: FrameReader, ratio: float, _: np.random.Generator
) -> FrameReader:
    num_frames = max(1, int(len(reader) * ratio))
    indices = np.minimum(np.arange(num_frames) / ratio + 0.5 / ratio, len(reader) - 1)
    fps = None if reader.fps is None else reader.fps * ratio
    return RetimedFrames(reader, indices.astype(np.int64), fps)


def _share_online(
    reader: FrameReader, value: tuple[float, float, float], rng: np.random.Generator
) -> FrameReader:
    side_ratio, crf, rate = value
    if rate < 1:
        reader = _lower_frame_rate(reader, rate, rng)
    return encode_again(reader, crf, side_ratio=side_ratio)


CORRUPTIONS: dict[str, Corruption] = {
    'h264': Corruption(
        're-encoded with x264',
        'CRF',
        (23, 30, 35, 40, 45),
        lambda reader, crf, _: encode_again(reader, crf),
    ),
    'resize': Corruption(
        'reduced (area average) and enlarged again (bilinear)',
        'share of the sides',
        (0.75, 0.5, 0.35, 0.25, 0.15),
        _per_frame(_smaller),
    ),
    'blur': Corruption(
        'Gaussian blur',
        'standard deviation in pixels',
        (0.5, 1.0, 2.0, 3.0, 5.0),
        _per_frame(_blurred),
    ),
    'noise': Corruption(
        'Gaussian noise, fresh in every frame, channel and pixel',
        'standard deviation in grey levels',
        (2.5, 5.0, 10.0, 20.0, 40.0),
        _per_frame(_noisy),
    ),
    'jpeg': Corruption(
        'every frame through JPEG', 'quality', (90, 70, 50, 30, 10), _per_frame(_jpeg)
    ),
    'contrast': Corruption(
        'drawn towards mid-grey',
        'factor',
        (0.85, 0.7, 0.55, 0.4, 0.25),
        _per_frame(_less_contrast),
    ),
    'saturation': Corruption(
        'drawn towards its luma',
        'factor',
        (0.8, 0.6, 0.4, 0.2, 0.0),
        _per_frame(_less_saturation),
    ),
    'brightness': Corruption(
        'brighter or darker, which of them drawn once a video',
        'grey levels',
        (10, 25, 40, 60, 80),
        _per_frame(_brighter_or_darker),
    ),
    'occlusion': Corruption(
        'grey squares of an eighth of the shorter side, at places drawn once a video',
        'number of squares',
        (2, 4, 8, 16, 24),
        _per_frame(_occluded),
    ),
    'frame_drop': Corruption(
        'each frame dropped with a probability, without gaps in time',
        'probability',
        (0.1, 0.2, 0.3, 0.4, 0.5),
        _drop_frames,
    ),
    'frame_rate': Corruption(
        'lower frame rate, evenly spaced',
        'share of the rate',
        (0.8, 0.67, 0.5, 0.33, 0.25),
        _lower_frame_rate,
    ),
    'social_media': Corruption(
        'lower frame rate, reduced, re-encoded with x264, enlarged, as by a platform',
        'share of the sides, CRF, share of the rate',
        (
            (0.9, 26, 1.0),
            (0.75, 28, 1.0),
            (0.6, 31, 1.0),
            (0.5, 34, 0.8),
            (0.4, 38, 0.5),
        ),
        _share_online,
    ),
}


def corrupt(
    reader: FrameReader, name: str, level: int, *, seed: int, video: str
) -> FrameReader:
    """Corrupt a video; the same arguments give the same frames.

    Args:
        reader: reader of the video.
        name: one of `CORRUPTIONS`.
        level: 1 (weak) to 5 (strong).
        seed: seed of the draws.
        video: the video's key, part of the seed.
    """
    corruption = CORRUPTIONS[name]
    # Without the level in the seed, a stronger level is the same draw, amplified.
    rng = np.random.default_rng([seed, zlib.crc32(f'{name}/{video}'.encode())])
    return corruption.apply(reader, corruption.levels[level - 1], rng)


@TRANSFORMS.register_module()
class CorruptVideo(BaseTransform):
    """Replace the video by a corrupted version.

    Place it between `OpenVideo` and `SampleSnippets`.

    Required keys: video_reader, video_key.
    Changed keys: video_reader, total_frames, avg_fps.
    Added key: source_frames, (M,) int64 frame of the original video for each frame, if
        frames were dropped: boxes and masks belong to those.

    Args:
        name: one of `CORRUPTIONS`.
        level: 1 (weak) to 5 (strong).
        seed: seed of the draws, made once per video.
    """

    def __init__(self, name: str, level: int, seed: int = 0) -> None:
        check_choice(self, CORRUPTIONS, name=name)
        check_choice(self, range(1, NUM_LEVELS + 1), level=level)
        self.name = name
        self.level = level
        self.seed = seed

    def transform(self, results: dict) -> dict:
        """Replace the reader."""
        reader = corrupt(
            results['video_reader'],
            self.name,
            self.level,
            seed=self.seed,
            video=str(results['video_key']),
        )
        results['video_reader'] = reader
        results['total_frames'] = len(reader)
        if reader.fps:
            results['avg_fps'] = reader.fps
        source_frames = source_indices_of(reader)
        if source_frames is not None:
            results['source_frames'] = source_frames
        return results
