"""What happens to a clip between camera and detector, drawn once per video.

Unlike `CorruptVideo`, which treats a stored video for a test of robustness, this is an
augmentation of sampled, cropped snippets, quick enough for training. The steps, their
order and their ranges are our choices.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from fractions import Fraction

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from mmdeepfake.datasets.argument_checks import check_probability
from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import TRANSFORMS

from .blending import blend

Frames = Sequence[NDArray[np.uint8]]
# Ranges; a step draws once for all frames, except for the noise itself.
SIDE_RATIOS = (0.35, 1.0)
BLUR_SIGMAS_PX = (0.3, 1.5)
SHARPENING = (0.2, 1.0)
NOISE_DEVIATIONS = (1.0, 6.0)  # grey levels
BRIGHTNESS, CONTRAST, SATURATION, TINT = 16.0, 0.2, 0.3, 0.06
FOCUS_SIGMAS_PX = (0.5, 4.0)
FOCUS_RADII = (0.35, 0.6)  # over the height: a head's, and more
LIGHT_SPREAD, TINT_SPREAD = 0.15, 0.05  # standard deviations of gains
JPEG_QUALITIES = (35, 95)
CRFS = (18, 40)
_RESIZERS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_LANCZOS4)


def reduce_and_enlarge(
    frames: Frames, rng: np.random.Generator
) -> list[NDArray[np.uint8]]:
    """Resize to a smaller face and back."""
    height, width = frames[0].shape[:2]
    ratio = rng.uniform(*SIDE_RATIOS)
    small = (max(8, round(width * ratio)), max(8, round(height * ratio)))
    down, up = (int(rng.choice(_RESIZERS)) for _ in range(2))
    return [
        cv2.resize(
            cv2.resize(frame, small, interpolation=down),
            (width, height),
            interpolation=up,
        )
        for frame in frames
    ]


def blur_or_sharpen(
    frames: Frames, rng: np.random.Generator
) -> list[NDArray[np.uint8]]:
    """Blur with a Gaussian, or apply an unsharp mask."""
    sigma_px = rng.uniform(*BLUR_SIGMAS_PX)
    amount = -1.0 if rng.random() < 0.5 else rng.uniform(*SHARPENING)
    blurred = [cv2.GaussianBlur(frame, (0, 0), sigma_px) for frame in frames]
    return [
        cv2.addWeighted(frame, 1 + amount, soft, -amount, 0)
        for frame, soft in zip(frames, blurred, strict=True)
    ]


def change_colours(frames: Frames, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Change brightness, contrast, saturation and tint."""
    gains = (1 + CONTRAST * rng.uniform(-1, 1)) * (1 + TINT * rng.uniform(-1, 1, 3))
    saturation = 1 + SATURATION * rng.uniform(-1, 1)
    mixing = saturation * np.eye(3) + (1 - saturation) / 3
    mixing = gains[:, None] * mixing
    offset = BRIGHTNESS * rng.uniform(-1, 1) + 127.5 * (1 - gains)
    change = np.column_stack([mixing, offset])
    return [cv2.transform(frame, change) for frame in frames]


def blur_background(
    frames: Frames, rng: np.random.Generator
) -> list[NDArray[np.uint8]]:
    """Blur what lies around the middle, as a portrait lens does.

    Without it a real face in front of a soft background looks like one laid over.
    """
    height, width = frames[0].shape[:2]
    sigma_px, radius = rng.uniform(*FOCUS_SIGMAS_PX), rng.uniform(*FOCUS_RADII) * height
    x, y = np.meshgrid(np.arange(width) - width / 2, np.arange(height) - height / 2)
    distance = np.hypot(x / rng.uniform(0.7, 1.0), y)
    share = ((distance - radius) / (rng.uniform(0.05, 0.3) * height)).clip(0, 1)
    soft = [cv2.GaussianBlur(frame, (0, 0), sigma_px) for frame in frames]
    return list(blend(frames, soft, [share.astype(np.float32)] * len(frames)))


def change_light(frames: Frames, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Multiply by smooth fields of brightness and tint, as lamps and make-up do."""
    height, width = frames[0].shape[:2]
    coarse = rng.normal(0, LIGHT_SPREAD, (4, 4, 1)) + rng.normal(
        0, TINT_SPREAD, (4, 4, 3)
    )
    gains = np.exp(
        cv2.resize(
            coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
        )
    )
    return [cv2.multiply(frame, gains, dtype=cv2.CV_8U) for frame in frames]


def add_noise(frames: Frames, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Add Gaussian noise, fresh in every frame."""
    deviation = rng.uniform(*NOISE_DEVIATIONS)
    height, width = frames[0].shape[:2]
    # Pieces of one field: drawing it takes longer than all the rest.
    field = rng.standard_normal((height + 16, width + 16, 3), np.float32) * deviation
    noisy = []
    for frame in frames:
        y, x = rng.integers(16, size=2)
        piece = field[y : y + height, x : x + width]
        noisy.append(cv2.add(frame, piece, dtype=cv2.CV_8U))
    return noisy


def compress_as_jpeg(
    frames: Frames, rng: np.random.Generator
) -> list[NDArray[np.uint8]]:
    """Compress every frame with JPEG."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(*JPEG_QUALITIES))]
    coded = [cv2.imencode('.jpg', frame[..., ::-1], quality)[1] for frame in frames]
    return [
        np.ascontiguousarray(cv2.imdecode(one, cv2.IMREAD_COLOR)[..., ::-1])
        for one in coded
    ]


def encode_and_decode(frames: Frames, *, crf: float) -> list[NDArray[np.uint8]]:
    """Encode frames with x264 and decode them, in memory.

    Args:
        frames: (H, W, 3) uint8 RGB of one size.
        crf: x264's constant rate factor; a quick preset, 4:2:0.
    """
    import av

    height, width = frames[0].shape[:2]
    bottom, right = height % 2, width % 2  # 4:2:0 needs even sides
    encoder = av.CodecContext.create('libx264', 'w')
    encoder.width, encoder.height = width + right, height + bottom
    encoder.pix_fmt, encoder.thread_count = 'yuv420p', 1
    encoder.time_base = Fraction(1, 25)
    encoder.options = {
        'crf': f'{crf:g}',
        'preset': 'veryfast',
        'x264-params': 'mbtree=0:rc-lookahead=0:log-level=-1',
    }
    decoder = av.CodecContext.create('h264', 'r')
    decoder.thread_count = 1
    packets = []
    for frame in frames:
        padded = frame
        if bottom or right:
            padded = cv2.copyMakeBorder(
                frame, 0, bottom, 0, right, cv2.BORDER_REPLICATE
            )
        packets += encoder.encode(av.VideoFrame.from_ndarray(padded, format='rgb24'))
    packets += encoder.encode(None)
    decoded = [one for packet in packets for one in decoder.decode(packet)]
    decoded += decoder.decode(None)
    return [one.to_ndarray(format='rgb24')[:height, :width] for one in decoded]


Step = Callable[[Frames, np.random.Generator], list[NDArray[np.uint8]]]
_PICTURE_STEPS: dict[str, Step] = {
    'focus': blur_background,
    'light': change_light,
    'resize': reduce_and_enlarge,
    'blur': blur_or_sharpen,
    'colour': change_colours,
    'noise': add_noise,
    'jpeg': compress_as_jpeg,
}


@TRANSFORMS.register_module()
class DegradeClip(BaseTransform):
    """Defocus, relight, resize, blur or sharpen, recolour, add noise and compress.

    Each step is drawn once per video, and each snippet is a stream of its own where the
    frames go through H.264. Place it after `Resize`, in training only.

    Required keys: imgs, (H, W, 3) uint8 of one size, clip_len. Changed key: imgs.

    Args:
        focus: probability of a blurred background; faces must be in the middle.
        light: probability of smooth fields of brightness and tint.
        resize: probability of a reduction to a smaller face and back.
        blur: probability of blurring or sharpening.
        colour: probability of a change of colours.
        noise: probability of Gaussian noise.
        jpeg: probability of JPEG.
        h264: probability of H.264.
        fixed: draw the same for a video and its pseudo-fakes in every run, for
            validation; needs video_key.
    """

    def __init__(
        self,
        focus: float = 0.3,
        light: float = 0.5,
        resize: float = 0.3,
        blur: float = 0.2,
        colour: float = 0.8,
        noise: float = 0.15,
        jpeg: float = 0.2,
        h264: float = 0.4,
        fixed: bool = False,
    ) -> None:
        self.fixed = fixed
        self.probabilities = dict(
            focus=focus,
            light=light,
            resize=resize,
            blur=blur,
            colour=colour,
            noise=noise,
            jpeg=jpeg,
            h264=h264,
        )
        check_probability(self, **self.probabilities)

    def transform(self, results: dict) -> dict:
        """Change the frames."""
        frames = results['imgs']
        if len({frame.shape for frame in frames}) > 1:
            raise ConfigError(
                'DegradeClip: frames differ in size; put Resize before it'
            )
        seed = np.random.randint(2**31)
        if self.fixed:
            key = results['video_key']
            source = f'{key.dataset}/{key.compression}/{key.name}'
            seed = zlib.crc32(source.encode())
        rng = np.random.default_rng(seed)
        for name, step in _PICTURE_STEPS.items():
            # Every step has its own generator: a pair of real and fake draws alike,
            # whatever a step reads of the frames.
            own = np.random.default_rng(rng.integers(2**32))
            if rng.random() < self.probabilities[name]:
                frames = step(frames, own)
        if rng.random() < self.probabilities['h264']:
            crf = rng.uniform(*CRFS)
            length = results['clip_len']
            frames = [
                frame
                for start in range(0, len(frames), length)
                for frame in encode_and_decode(frames[start : start + length], crf=crf)
            ]
        results['imgs'] = list(frames)
        return results
