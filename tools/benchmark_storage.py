"""Measure how face clips are best stored: speed, bytes and loss of each way.

For each video a face track is found, its region is cut as the preparation does it and
stored in every way. Then snippet sets (4 snippets of 4 frames, one box a snippet,
margin 1.3, resized to 224 x 224) are read at random places of random clips. Times are
CPU seconds of one process, files lie in the page cache: what is measured is the work of
a core, not the disk. PSNR is in dB, that of the worst clip in brackets.

`--generate` makes a 1080p clip of 60 s (H.264, CRF 23, GOP 250; moving texture with
noise) and takes it for the video; its face box is known, so that no detector is needed.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import av
import cv2
import numpy as np
from mmaction.datasets.transforms import Resize

from mmdeepfake.commands.command_line import run_tool
from mmdeepfake.datasets.transforms import CropFace, DecodeFrames, OpenVideo
from mmdeepfake.datasets.transforms.sampling import sample_starts
from mmdeepfake.errors import DataNotFoundError
from mmdeepfake.faces.detection import build_detector
from mmdeepfake.faces.face_region import FaceRegion, choose_region
from mmdeepfake.faces.tracking import track_faces
from mmdeepfake.structures import FaceTrack
from mmdeepfake.video.clip_storage import FORMATS, ClipFormat, ClipWriter

NUM_SNIPPETS, CLIP_LEN, SIDE_PX, CROP_MARGIN = 4, 4, 224, 1.3
STORED_MARGIN = 1.6
GENERATED_SIZE, GENERATED_FPS = (1920, 1080), 25
NUM_PSNR_FRAMES = 24  # of each clip, evenly spread


def encode_jpeg_420(frame: np.ndarray, quality: int) -> bytes:
    """Code colour at half the resolution, as the source video has it."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    return cv2.imencode('.jpg', bgr, options)[1].tobytes()


def encode_raw(frame: np.ndarray, _: int) -> bytes:
    """Give the pixels themselves, their height and width in front."""
    return np.array(frame.shape[:2], '<i4').tobytes() + frame.tobytes()


def decode_raw(content: bytes) -> np.ndarray:
    """Read what `encode_raw` gave."""
    height, width = np.frombuffer(content, '<i4', 2)
    return np.frombuffer(content, np.uint8, offset=8).reshape(height, width, 3)


# Measured here, but not offered: they lose against what is.
FORMATS['jpeg 4:2:0'] = ClipFormat(
    '.jpg', (1, 95, 100), encode_jpeg_420, FORMATS['jpeg'].decode
)
FORMATS['raw'] = ClipFormat('.raw', (0, 0, 0), encode_raw, decode_raw)


class TarSink:
    """One tar of frames a track: `clip_storage`."""

    def __init__(
        self, stem: pathlib.Path, fps: float, format: str, quality: int | None
    ) -> None:
        self._writer = ClipWriter(stem, format, fps=fps, quality=quality)
        self.write = self._writer.write

    def close(self) -> dict:
        """Finish the file; give the item that the pipeline reads it by."""
        return {'filename': str(self._writer.close())}


class FolderSink:
    """One file a frame."""

    def __init__(self, stem: pathlib.Path, fps: float, format: str) -> None:
        self._folder, self._format, self._count = stem, FORMATS[format], 0
        stem.mkdir()

    def write(self, frame: np.ndarray) -> None:
        """Append a frame."""
        path = self._folder / f'{self._count:06d}{self._format.suffix}'
        path.write_bytes(self._format.encode(frame, self._format.qualities[1]))
        self._count += 1

    def close(self) -> dict:
        """See `TarSink.close`."""
        return {
            'frame_dir': str(self._folder),
            'filename_tmpl': '{:06d}' + self._format.suffix,
            'total_frames': self._count,
        }


class VideoSink:
    """One video file a track."""

    def __init__(
        self,
        stem: pathlib.Path,
        fps: float,
        codec: str,
        pixels: str,
        options: dict[str, str],
    ) -> None:
        self._path = stem.with_name(stem.name + '.mkv')
        self._container = av.open(str(self._path), 'w')
        self._stream = self._container.add_stream(codec, rate=round(fps))
        self._stream.pix_fmt = pixels
        self._stream.options = {'threads': '1', **options}
        self._stream.width = 0

    def write(self, frame: np.ndarray) -> None:
        """Append a frame."""
        if not self._stream.width:
            self._stream.height, self._stream.width = frame.shape[:2]
        picture = av.VideoFrame.from_ndarray(frame, format='rgb24')
        self._container.mux(self._stream.encode(picture))

    def close(self) -> dict:
        """See `TarSink.close`."""
        self._container.mux(self._stream.encode())
        self._container.close()
        return {'filename': str(self._path)}


class LmdbSink:
    """One LMDB environment a track, a JPEG an entry."""

    def __init__(self, stem: pathlib.Path, fps: float) -> None:
        import lmdb  # pip install lmdb; `measure` leaves this row out without it

        self._path, self._count = stem, 0
        self._environment = lmdb.open(str(stem), map_size=1 << 32)

    def write(self, frame: np.ndarray) -> None:
        """Append a frame."""
        jpeg = FORMATS['jpeg']
        with self._environment.begin(write=True) as transaction:
            content = jpeg.encode(frame, jpeg.qualities[1])
            transaction.put(b'%06d' % self._count, content)
        self._count += 1

    def close(self) -> dict:
        """See `TarSink.close`."""
        self._environment.close()
        return {'lmdb': str(self._path)}


def read_lmdb(path: str, indices: np.ndarray) -> list[np.ndarray]:
    """Read frames of an `LmdbSink`."""
    import lmdb

    with lmdb.open(path, readonly=True, lock=False, map_size=1 << 32) as environment:
        with environment.begin(buffers=True) as transaction:
            contents = [transaction.get(b'%06d' % index) for index in indices]
            return [FORMATS['jpeg'].decode(content) for content in contents]


INTRA = {'g': '1', 'bf': '0', 'tune': 'fastdecode', 'preset': 'medium'}
SINKS: dict[str, Callable] = {
    'PNG folder': lambda stem, fps: FolderSink(stem, fps, 'png'),
    'JPEG folder (95, 4:4:4)': lambda stem, fps: FolderSink(stem, fps, 'jpeg'),
    'H.264 all-intra (CRF 6, 4:2:0)': lambda stem, fps: VideoSink(
        stem, fps, 'libx264', 'yuv420p', {**INTRA, 'crf': '6'}
    ),
    'H.264 all-intra (CRF 6, 4:4:4)': lambda stem, fps: VideoSink(
        stem, fps, 'libx264', 'yuv444p', {**INTRA, 'crf': '6'}
    ),
    'MJPEG video (q 1, 4:2:0)': lambda stem, fps: VideoSink(
        stem, fps, 'mjpeg', 'yuvj420p', {'qmin': '1', 'qmax': '1'}
    ),
    'MJPEG video (q 1, 4:4:4)': lambda stem, fps: VideoSink(
        stem, fps, 'mjpeg', 'yuvj444p', {'qmin': '1', 'qmax': '1'}
    ),
    'LMDB of JPEG (95, 4:4:4)': LmdbSink,
    'tar of JPEG (95, 4:2:0)': lambda stem, fps: TarSink(stem, fps, 'jpeg 4:2:0', 95),
    'tar of JPEG (98, 4:2:0)': lambda stem, fps: TarSink(stem, fps, 'jpeg 4:2:0', 98),
    'tar of JPEG (90, 4:4:4)': lambda stem, fps: TarSink(stem, fps, 'jpeg', 90),
    '**tar of JPEG (95, 4:4:4)**': lambda stem, fps: TarSink(stem, fps, 'jpeg', 95),
    'tar of JPEG (98, 4:4:4)': lambda stem, fps: TarSink(stem, fps, 'jpeg', 98),
    'tar of PNG': lambda stem, fps: TarSink(stem, fps, 'png', None),
    'tar of raw RGB': lambda stem, fps: TarSink(stem, fps, 'raw', None),
}
ORIGINAL = 'original video'


@dataclass
class Stored:
    """One way of storing, with what was measured of it.

    Attributes:
        items: of each clip, what the pipeline reads it by.
        boxes: of each clip, (F, 4) in pixels of its frames.
        num_frames: of each clip.
        num_bytes: of all files together.
        write_seconds: CPU time of writing.
        errors: of each clip, the mean squared error against the source.
    """

    items: list[dict] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)
    num_frames: list[int] = field(default_factory=list)
    num_bytes: int = 0
    write_seconds: float = 0.0
    errors: list[float] = field(default_factory=list)


def generate_video(path: pathlib.Path, num_frames: int) -> np.ndarray:
    """Encode the 1080p clip; give its face boxes, (F, 4) pixels."""
    rng = np.random.default_rng(0)
    width, height = GENERATED_SIZE
    side = 420
    background = _draw_texture(rng, height, width + 200, mean=110, contrast=30)
    face = _draw_texture(rng, side, side, mean=155, contrast=22)
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    mask = ((columns / 0.4) ** 2 + (rows / 0.5) ** 2 < 1).astype(np.float32)
    mask = cv2.GaussianBlur(mask, (0, 0), 3)[..., None]
    noises = [rng.normal(0, 6, (height, width, 1)).astype(np.int16) for _ in range(8)]
    boxes = []
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=GENERATED_FPS)
        stream.width, stream.height = width, height
        stream.pix_fmt = 'yuv420p'
        stream.options = {'crf': '23', 'g': '250', 'preset': 'veryfast'}
        for i in range(num_frames):
            pan = int(100 + 60 * np.sin(i / 90))
            frame = background[:, pan : pan + width].astype(np.int16)
            x = int(750 + 40 * np.sin(i / 25) + 8 * np.sin(i / 7))
            y = int(300 + 20 * np.cos(i / 31))
            part = frame[y : y + side, x : x + side]
            part += ((np.roll(face, int(3 * np.sin(i / 5)), 0) - part) * mask).astype(
                np.int16
            )
            frame += np.roll(noises[i % 8], int(rng.integers(width)), axis=1)
            picture = np.clip(frame, 0, 255).astype(np.uint8)
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(picture, format='rgb24'))
            )
            boxes.append((x + 0.1 * side, y, x + 0.9 * side, y + side))
        container.mux(stream.encode())
    return np.array(boxes, np.float32)


def _draw_texture(
    rng: np.random.Generator, height: int, width: int, *, mean: float, contrast: float
) -> np.ndarray:
    """Draw noise of seven octaves: (height, width, 3) uint8."""
    texture = np.zeros((height, width, 3), np.float32)
    for octave in range(1, 8):
        coarse = rng.normal(0, 1, (2**octave + 2, 2**octave + 2, 3))
        texture += 0.75**octave * cv2.resize(
            coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
        )
    return np.clip(mean + contrast * texture, 0, 255).astype(np.uint8)


def decode(path: pathlib.Path) -> Iterator[np.ndarray]:
    """Decode a video in order: (H, W, 3) uint8 RGB each."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format='rgb24')


def find_track(path: pathlib.Path) -> FaceTrack:
    """Follow the main face of a video, which must be seen all the time."""
    result = track_faces(decode(path), build_detector('centerface'))
    if not result.tracks or len(result.tracks[0]) != result.num_frames:
        raise DataNotFoundError(f'no face is seen in all frames of {path}')
    return result.tracks[0]


def store(
    path: pathlib.Path, track: FaceTrack, out: pathlib.Path, ways: dict, face_px: int
) -> None:
    """Store the region of one video's face in every way."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        fps, size = float(stream.average_rate), (stream.height, stream.width)
    region = choose_region(
        track.boxes,
        height=size[0],
        width=size[1],
        margin_ratio=STORED_MARGIN,
        face_px=face_px,
    )
    cut = FaceTrack(track.boxes, region=region.x1y1x2y2_px, scale=region.scale)
    side = float(np.median((track.boxes[:, 2:] - track.boxes[:, :2]).max(axis=1)))
    print(
        f'{path.name}: {size[1]} x {size[0]}, face {side:.0f} px, region '
        f'{region.x1y1x2y2_px}, scale {region.eighths}/8',
        file=sys.stderr,
    )
    sinks = {name: SINKS[name](out / f'{i}', fps) for i, name in enumerate(ways) if i}
    for frame in decode(path):
        part = region.cut(frame)
        for name, sink in sinks.items():
            start = time.process_time()
            sink.write(part)
            ways[name].write_seconds += time.process_time() - start
    for name, way in ways.items():
        item = sinks[name].close() if name in sinks else {'filename': str(path)}
        way.items.append(item)
        way.boxes.append(track.boxes if name == ORIGINAL else cut.boxes_in_clip())
        way.num_frames.append(len(track))
        way.num_bytes += count_bytes(item)
    measure_loss(path, region, ways, SIDE_PX / (CROP_MARGIN * side))


def count_bytes(item: dict) -> int:
    """Add up the sizes of an item's files."""
    path = pathlib.Path(
        next(item[k] for k in ('filename', 'frame_dir', 'lmdb') if k in item)
    )
    files = [path] if path.is_file() else list(path.iterdir())
    return sum(os.stat(file).st_blocks * 512 for file in files)


def measure_loss(
    path: pathlib.Path, region: FaceRegion, ways: dict[str, Stored], scale: float
) -> None:
    """Compare the stored region with the source, both at the model's resolution.

    Whole regions are compared in place of crops, whose borders fall on other fractions
    of a pixel where the clip is reduced, which is a shift and no loss.
    """
    x1, y1, x2, y2 = region.x1y1x2y2_px
    size = (round((x2 - x1) * scale), round((y2 - y1) * scale))
    num_frames = ways[ORIGINAL].num_frames[-1]
    indices = np.unique(np.linspace(0, num_frames - 1, NUM_PSNR_FRAMES).astype(int))
    wanted = set(indices.tolist())
    sources = [
        _shrink(frame[y1:y2, x1:x2], size)
        for index, frame in enumerate(decode(path))
        if index in wanted
    ]
    for name, way in ways.items():
        frames = read_frames(way.items[-1], indices)
        if name == ORIGINAL:
            frames = [frame[y1:y2, x1:x2] for frame in frames]
        errors = [
            np.mean((_shrink(frame, size).astype(float) - source) ** 2)
            for frame, source in zip(frames, sources, strict=True)
        ]
        way.errors.append(float(np.mean(errors)))


def _shrink(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    # Resize's own interpolation, without its aliasing where the source is far larger.
    smaller = picture.shape[1] > 2 * size[0]
    return cv2.resize(
        picture, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    )


OPEN, DECODE = OpenVideo(), DecodeFrames()
CROP = CropFace(margin_ratio=CROP_MARGIN, box='snippet')
RESIZE = Resize(scale=(SIDE_PX, SIDE_PX), keep_ratio=False)


def read_frames(item: dict, indices: np.ndarray) -> list[np.ndarray]:
    """Open the clip and decode some frames, as a pipeline does it."""
    if 'lmdb' in item:
        return read_lmdb(item['lmdb'], indices)
    return DECODE({**OPEN(dict(item)), 'frame_inds': indices})['imgs']


def read_snippet_set(
    way: Stored, clip: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Read one training sample: 16 pictures of 224 x 224."""
    starts = sample_starts(
        way.num_frames[clip],
        num_snippets=NUM_SNIPPETS,
        span=CLIP_LEN,
        centred=False,
        rng=rng,
    )
    indices = (starts[:, None] + np.arange(CLIP_LEN)).reshape(-1)
    images = read_frames(way.items[clip], indices)
    results = {
        'imgs': images,
        'img_shape': images[0].shape[:2],
        'frame_inds': indices,
        'num_clips': NUM_SNIPPETS,
        'clip_len': CLIP_LEN,
        'face_boxes': way.boxes[clip],
    }
    return RESIZE(CROP(results))['imgs']


def measure_speed(way: Stored, seconds: float) -> float:
    """Give snippet sets a CPU second."""
    rng = np.random.default_rng(0)
    for clip in range(len(way.items)):  # fills the page cache
        read_snippet_set(way, clip, rng)
    count, start = 0, time.process_time()
    while time.process_time() - start < seconds or count < len(way.items):
        read_snippet_set(way, int(rng.integers(len(way.items))), rng)
        count += 1
    return count / (time.process_time() - start)


def format_rows(ways: dict[str, Stored], seconds: float) -> Iterator[str]:
    """Measure the speed of each way and lay out the table, row by row."""
    header = 'stored as', 'sets/s a core', 'KB a frame', 'of source', 'PSNR', 'write'
    yield '| ' + ' | '.join(header) + ' |'
    yield '|---|---:|---:|---:|---:|---:|'
    source_bytes = ways[ORIGINAL].num_bytes
    for name, way in ways.items():
        total = sum(way.num_frames)
        worst, mean = max(way.errors), statistics.fmean(way.errors)
        yield (
            f'| {name} | {measure_speed(way, seconds):.1f} '
            f'| {way.num_bytes / total / 1e3:.1f} '
            f'| {way.num_bytes / source_bytes:.2f} x '
            f'| {_psnr(mean)} ({_psnr(worst)}) '
            f'| {1e3 * way.write_seconds / total:.1f} ms |'
        )


def _psnr(mean_squared_error: float) -> str:
    if not mean_squared_error:
        return 'exact'
    return f'{10 * np.log10(255**2 / mean_squared_error):.1f}'


def main(args: argparse.Namespace) -> None:
    """Store, read and print."""
    cv2.setNumThreads(1)
    ways = {name: Stored() for name in (ORIGINAL, *SINKS)}
    try:
        import lmdb  # noqa: F401
    except ImportError:
        print('no LMDB row: pip install lmdb', file=sys.stderr)
        ways = {name: way for name, way in ways.items() if 'LMDB' not in name}
    out = pathlib.Path(args.out or tempfile.mkdtemp(prefix='storage_'))
    try:
        tracks = {pathlib.Path(path): None for path in args.videos}
        if args.generate:
            out.mkdir(parents=True, exist_ok=True)
            path = out / 'generated.mp4'
            boxes = generate_video(path, args.seconds * GENERATED_FPS)
            tracks[path] = FaceTrack(boxes)
        for number, (path, track) in enumerate(tracks.items()):
            folder = out / f'{number:03d}'
            folder.mkdir(parents=True)
            store(path, track or find_track(path), folder, ways, args.face_px)
        for row in format_rows(ways, args.measure_seconds):
            print(row, flush=True)
    finally:
        if args.out is None:
            shutil.rmtree(out)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('videos', nargs='*', help='with one face seen in every frame')
    parser.add_argument('--generate', action='store_true', help='make a 1080p clip')
    parser.add_argument('--seconds', type=int, default=60, help='length of that clip')
    parser.add_argument(
        '--face-px',
        type=int,
        default=224,
        help='side of the stored face; larger faces are reduced, by whole eighths',
    )
    parser.add_argument('--measure-seconds', type=float, default=5, help='for each row')
    parser.add_argument('--out', help='keep the files in this folder')
    args = parser.parse_args()
    if not args.videos and not args.generate:
        parser.error('name some videos, or set --generate')
    return args


if __name__ == '__main__':
    sys.exit(run_tool(main, parse_args()))
