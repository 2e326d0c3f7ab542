"""What happens to videos between the forger and us, in five levels each.

Each corruption is a change of the decoded video before snippets are sampled, seeded by
the video's key: the draw (a sign, a place, which frames are lost) is made once a video,
so that nothing flickers that would not in reality; only noise is fresh in every frame.
Three kinds: of single frames, of the frames' timing, and of the whole stream, which is
really encoded by x264 and decoded again.

Pixels are those of the decoded frames. The levels are ours; they run from what hardly
shows to what still leaves a face recognisable.
"""

from __future__ import annotations

import os
import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from mmdeepfake.registry import TRANSFORMS
from mmdeepfake.structures import ConfigError

from .decoding import FrameReader

NUM_LEVELS = 5
_USUAL_FPS = 25.0  # told to the encoder where the rate is unknown
_FRAMES_A_READ = 64  # frames of a video that are held at once while it is re-encoded

Frame = NDArray[np.uint8]
# Changes one frame; the second argument is its number in the video.
FrameChange = Callable[[Frame, int], Frame]


@dataclass(frozen=True)
class Corruption:
    """One way in which videos get worse.

    Attributes:
        summary: what it does, for tables and the docs.
        parameter: what the numbers of `levels` are.
        levels: five of them, from faint to strong.
        apply: (reader, value of the level, generator) -> reader of the worse video.
    """

    summary: str
    parameter: str
    levels: tuple[Any, ...]
    apply: Callable[[FrameReader, Any, np.random.Generator], FrameReader]


class _ChangedFrames:
    """A reader whose frames pass through a function."""

    def __init__(self, reader: FrameReader, change: FrameChange) -> None:
        self._reader = reader
        self._change = change
        self.fps = reader.fps
        self.source_indices = _source_indices(reader)

    def __len__(self) -> int:
        return len(self._reader)

    def read(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        frames = self._reader.read(indices)
        changed = [
            self._change(f, int(i)) for f, i in zip(frames, indices, strict=True)
        ]
        return np.stack(changed)


class _RetimedFrames:
    """A reader that shows some frames of another one.

    Readers built on it carry its `source_indices` on: (M,) int64, the frame of the
    uncorrupted video that each one is.
    """

    def __init__(
        self, reader: FrameReader, source_indices: NDArray[np.int64], fps: float | None
    ) -> None:
        self._reader = reader
        self.source_indices = source_indices
        self.fps = fps

    def __len__(self) -> int:
        return len(self.source_indices)

    def read(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        """See `FrameReader`."""
        return self._reader.read(self.source_indices[np.asarray(indices)])


class _EncodedFrames:
    """A reader of a video that was encoded into a temporary file, which it removes.

    Decodes from the start: a snippet anywhere needs the frames before it as well.
    """

    def __init__(self, path: str, size: tuple[int, int], original: FrameReader) -> None:
        self._path = path
        self._width, self._height = size
        self._num_frames = len(original)
        self.fps = original.fps
        self.source_indices = _source_indices(original)
        weakref.finalize(self, _remove, path)

    def __len__(self) -> int:
        return self._num_frames

    def read(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        import av

        asked = [int(index) for index in indices]
        wanted = set(asked)
        found: dict[int, Frame] = {}
        with av.open(self._path) as container:
            stream = container.streams.video[0]
            stream.thread_count = 1
            for index, picture in enumerate(container.decode(stream)):
                if index in wanted:
                    frame = picture.to_ndarray(format='rgb24')
                    found[index] = frame[: self._height, : self._width]
                if len(found) == len(wanted):
                    break
        return np.stack([found[index] for index in asked])


def _remove(path: str) -> None:
    Path(path).unlink(missing_ok=True)


def _per_frame(
    make: Callable[[Any, np.random.Generator], FrameChange],
) -> Callable[[FrameReader, Any, np.random.Generator], FrameReader]:
    return lambda reader, value, rng: _ChangedFrames(reader, make(value, rng))


def encode_again(
    reader: FrameReader, crf: float, *, side_ratio: float = 1.0
) -> FrameReader:
    """Encode the whole video with x264 and decode it again; memory stays flat.

    Args:
        reader: of the video.
        crf: x264's constant rate factor; preset 'medium', 4:2:0, no macroblock tree.
        side_ratio: the frames are reduced to this share of their sides first, and
            enlarged again after decoding, as a platform that stores smaller videos.
    """
    try:
        import av
    except ImportError as error:
        raise ImportError('re-encoding videos needs PyAV: pip install av') from error
    height, width = reader.read([0])[0].shape[:2]
    small = (max(2, round(width * side_ratio)), max(2, round(height * side_ratio)))
    # 4:2:0 needs even sides: the last row and column are repeated, and cut off again.
    even = (small[0] + small[0] % 2, small[1] + small[1] % 2)
    descriptor, path = tempfile.mkstemp(suffix='.mp4', prefix='corrupted_')
    os.close(descriptor)
    encoded = _EncodedFrames(path, small, reader)
    with av.open(path, 'w') as container:
        stream = container.add_stream('libx264', rate=_exact_rate(reader.fps))
        stream.width, stream.height = even
        stream.pix_fmt = 'yuv420p'
        stream.thread_count = 1  # with threads, the bytes depend on the machine
        # With its macroblock tree, x264 gives small frames other bytes in each run.
        settings = {'crf': f'{crf:g}', 'preset': 'medium', 'x264-params': 'mbtree=0'}
        stream.options = settings
        for frame in _frames_of(reader):
            if side_ratio != 1:
                frame = cv2.resize(frame, small, interpolation=cv2.INTER_AREA)
            bottom, right = even[1] - small[1], even[0] - small[0]
            frame = cv2.copyMakeBorder(frame, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
            picture = av.VideoFrame.from_ndarray(frame, format='rgb24')
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    if side_ratio == 1:
        return encoded
    return _ChangedFrames(encoded, lambda f, _: _resize(f, (width, height)))


def _exact_rate(fps: float | None) -> Fraction:
    return Fraction(fps or _USUAL_FPS).limit_denominator(1001)  # 29.97 is 30000 / 1001


def _source_indices(reader: FrameReader) -> NDArray[np.int64] | None:
    return getattr(reader, 'source_indices', None)


def _frames_of(reader: FrameReader) -> Iterator[Frame]:
    for start in range(0, len(reader), _FRAMES_A_READ):
        yield from reader.read(
            np.arange(start, min(start + _FRAMES_A_READ, len(reader)))
        )


def _resize(frame: Frame, size: tuple[int, int]) -> Frame:
    return cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR)


def _smaller(ratio: float, _: np.random.Generator) -> FrameChange:
    def change(frame: Frame, _: int) -> Frame:
        height, width = frame.shape[:2]
        small = (max(1, round(width * ratio)), max(1, round(height * ratio)))
        reduced = cv2.resize(frame, small, interpolation=cv2.INTER_AREA)
        return _resize(reduced, (width, height))

    return change


def _blurred(sigma_px: float, _: np.random.Generator) -> FrameChange:
    return lambda frame, _: cv2.GaussianBlur(frame, (0, 0), sigma_px)


def _noisy(standard_deviation: float, rng: np.random.Generator) -> FrameChange:
    seed = int(rng.integers(2**32))

    def change(frame: Frame, index: int) -> Frame:
        # A frame has its noise, whichever other frames are read with it.
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
    kept[0] = True  # a video without a frame is none
    return _RetimedFrames(reader, np.flatnonzero(kept), reader.fps)


def _lower_frame_rate(
    reader: FrameReader, ratio: float, _: np.random.Generator
) -> FrameReader:
    num_frames = max(1, int(len(reader) * ratio))
    indices = np.minimum(np.arange(num_frames) / ratio + 0.5 / ratio, len(reader) - 1)
    fps = None if reader.fps is None else reader.fps * ratio
    return _RetimedFrames(reader, indices.astype(np.int64), fps)


def _share_online(
    reader: FrameReader, value: tuple[float, float, float], rng: np.random.Generator
) -> FrameReader:
    side_ratio, crf, rate = value
    if rate < 1:
        reader = _lower_frame_rate(reader, rate, rng)
    return encode_again(reader, crf, side_ratio=side_ratio)


CORRUPTIONS: dict[str, Corruption] = {
    'h264': Corruption(
        'the whole video encoded again with x264',
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
        'every frame through JPEG',
        'quality',
        (90, 70, 50, 30, 10),
        _per_frame(_jpeg),
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
        'each frame lost with a probability; the others close the gaps',
        'probability',
        (0.1, 0.2, 0.3, 0.4, 0.5),
        _drop_frames,
    ),
    'frame_rate': Corruption(
        'fewer frames a second, evenly',
        'share of the rate',
        (0.8, 0.67, 0.5, 0.33, 0.25),
        _lower_frame_rate,
    ),
    'social_media': Corruption(
        'fewer frames, reduced, encoded with x264, enlarged: what a platform does',
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
    """Make a video worse; the same arguments give the same frames.

    Args:
        reader: of the video.
        name: one of `CORRUPTIONS`.
        level: 1 (faint) to 5 (strong).
        seed: of the draws.
        video: the video's key, which makes its draws its own.
    """
    corruption = CORRUPTIONS[name]
    # The level stays out of the seed: a stronger level is the same draw, made stronger.
    rng = np.random.default_rng([seed, zlib.crc32(f'{name}/{video}'.encode())])
    return corruption.apply(reader, corruption.levels[level - 1], rng)


@TRANSFORMS.register_module()
class CorruptVideo(BaseTransform):
    """Show a worse version of the video to what follows.

    Stands between `OpenVideo` and `SampleSnippets`.

    Required keys: video_reader, video_key.
    Changed keys: video_reader, total_frames, avg_fps.
    Added keys: source_frames, (M,) int64, the frame of the uncorrupted video that each
        frame is, where frames were lost: boxes and masks are known for those.

    Args:
        name: one of `CORRUPTIONS`.
        level: 1 (faint) to 5 (strong).
        seed: of the draws, which are made once a video.
    """

    def __init__(self, name: str, level: int, seed: int = 0) -> None:
        if name not in CORRUPTIONS:
            raise ConfigError(
                f'CorruptVideo: name={name!r}; allowed are '
                + ', '.join(map(repr, CORRUPTIONS))
            )
        if level not in range(1, NUM_LEVELS + 1):
            raise ConfigError(
                f'CorruptVideo: level={level!r}; allowed is 1 to {NUM_LEVELS}'
            )
        self.name = name
        self.level = level
        self.seed = seed

    def transform(self, results: dict) -> dict:
        """Replace the reader; see the class for the keys."""
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
        source_frames = _source_indices(reader)
        if source_frames is not None:
            results['source_frames'] = source_frames
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(name={self.name!r}, level={self.level}, '
            f'seed={self.seed})'
        )
