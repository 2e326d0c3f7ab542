"""Pushes a file through the stages that read videos, and says how each ended.

An end is frames, a refusal (one of our errors, which names the file), or a fault: any
other exception, another number of frames than decoding in sequence gives, or two
readings that differ. That a process dies, hangs or takes too much memory is for
whoever watches it to see.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import inference_builders
import numpy as np
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from preparation_builders import make_request

from mmdeepfake.apis import DeepfakeInferencer
from mmdeepfake.datasets import DeepfakeDataset
from mmdeepfake.errors import InputError
from mmdeepfake.faces.detection import Faces
from mmdeepfake.prepare.execution import WorkerLimits
from mmdeepfake.prepare.output_folder import OutputFolder
from mmdeepfake.prepare.pipeline import run_preparation
from mmdeepfake.prepare.prepared_video import find_prepared
from mmdeepfake.structures import FAILED, REAL, VideoKey, VideoRecord
from mmdeepfake.structures.manifest import format_line
from mmdeepfake.video.frame_sources import VideoFile
from mmdeepfake.video.video_reader import VideoFileReader

FRAMES, REFUSED, FAULT = 'frames', 'refused', 'fault'
_MAX_LINES = 4  # of an error's message
_UNTYPED = re.compile(r'^[A-Za-z_.]*(Error|Exception|Interrupt|Exit)\b.*: ')
_DIED = ('worker process crashed', 'longer than the', 'decoder')
# Above this mean difference of grey levels two pictures are not the same one.
_SAME_PICTURE = 12.0
_VERY_PICTURE = 1.0  # below it they are, but for rounding


@dataclass(frozen=True)
class End:
    """How a stage ended for one file.

    Attributes:
        kind: `FRAMES`, `REFUSED` or `FAULT`.
        num_frames: where frames were given.
        text: the message, or what else there is to know.
    """

    kind: str
    num_frames: int | None = None
    text: str = ''


class CentreDetector:
    """Finds one face in the middle of every frame: costs nothing, sees any video."""

    name = 'centre'

    def detect(self, frames: Sequence[np.ndarray]) -> list[Faces]:
        """See `FaceDetector`."""
        return [self._find(*frame.shape[:2]) for frame in frames]

    def _find(self, height: int, width: int) -> Faces:
        box = (width / 4, height / 4, width * 3 / 4, height * 3 / 4)
        return Faces(np.array([box], np.float32), np.array([0.9], np.float32))


def build_centre(name: str, **options: object) -> CentreDetector:
    """Stand in for `build_detector`."""
    return CentreDetector()


def set_up_process() -> None:
    """Let registries find our parts, and logs be short."""
    init_default_scope('mmaction')
    MMLogger.get_current_instance().setLevel('ERROR')


def count_in_sequence(path: Path) -> int | None:
    """Count what FFmpeg shows from first to last; None where it stops with an error."""
    try:
        with av.open(os.path.abspath(path), metadata_errors='ignore') as container:
            cover = av.stream.Disposition.attached_pic
            streams = [s for s in container.streams.video if not s.disposition & cover]
            streams[0].codec_context.thread_count = 1
            return sum(1 for _ in container.decode(streams[0]))
    except (av.FFmpegError, OSError, IndexError, AttributeError):
        return None


def _judge(error: Exception, path: Path) -> End:
    """Classify an exception as a proper refusal or an error."""
    text = str(error)
    if not isinstance(error, InputError):
        return End(FAULT, text=f'{type(error).__name__}: {text}')
    return _judge_text(text, path)


def _judge_text(text: str, path: Path) -> End:
    # Messages have paths as Python writes them, with its escapes.
    name = repr(path.name)[1:-1]
    if name not in text and path.name not in text:
        return End(FAULT, text=f'does not name {name}: {text}')
    if len(text.splitlines()) > _MAX_LINES and '\n' not in path.name:
        return End(FAULT, text=f'message of {len(text.splitlines())} lines: {text}')
    return End(REFUSED, text=text)


def try_decoding(path: Path) -> End:
    """Read a file in sequence, twice, and by random access; all must agree."""
    try:
        video = VideoFile(path)
        frames = list(video.read())
        again = sum(1 for _ in video.read_unconverted())
    except Exception as error:
        end, frames = _judge(error, path), []
    else:
        end = End(FRAMES, len(frames))
        if again != len(frames):
            end = End(FAULT, text=f'{len(frames)} frames, then {again}')
    if end.kind == FAULT:
        return end
    if end.kind == FRAMES:
        end = _compare_count(len(frames), path)
        if end.kind == FAULT:
            return end
    random = _try_random_access(path, frames)
    if random.kind == FAULT:
        return random
    text = f'in sequence: {end.kind} {end.text}; by index: {random.kind} {random.text}'
    kind = FRAMES if FRAMES in (end.kind, random.kind) else REFUSED
    return End(kind, end.num_frames or random.num_frames, text)


def _try_random_access(path: Path, frames: Sequence[np.ndarray]) -> End:
    """Read all frames by their numbers.

    Args:
        path: of the file.
        frames: those in sequence; none where that is refused.
    """
    try:
        reader = VideoFileReader(str(path))
        if frames and len(reader) != len(frames):
            # Datasets know the number from their check, and refuse another one.
            return End(REFUSED, text=f'{len(reader)} frames, {path.name} has others')
        found = reader.read(np.arange(len(reader)))
    except Exception as error:
        return _judge(error, path)
    if not frames or found.shape[1:] != frames[0].shape:
        return End(FRAMES, len(found))
    return End(FRAMES, len(found), _describe_difference(found, frames))


def _describe_difference(found: np.ndarray, frames: Sequence[np.ndarray]) -> str:
    """Return whether pictures differ: damaged ones are mended in more than one way."""
    levels = [
        _measure_difference(a.astype(np.int16), b)
        for a, b in zip(found, frames, strict=True)
    ]
    worst = max(levels)
    return f'pictures differ by {worst:.0f}' if worst > _SAME_PICTURE else ''


_DATASET_PIPELINE = [
    dict(type='OpenVideo'),
    dict(type='SampleSnippets', num_snippets=2, clip_len=3, position='centred'),
    dict(type='DecodeFrames'),
]


def try_dataset(path: Path) -> End:
    """List a file in a manifest, check it, and show it to a pipeline, twice."""
    key = VideoKey('faults', REAL, 'real', 'c0', 'case')
    # Not by the writer, which waits for the disk.
    line = format_line(VideoRecord(key, path.name, 'test'))
    path.with_name('manifest.jsonl').write_bytes(os.fsencode(f'{line}\n'))
    try:
        dataset = DeepfakeDataset(
            str(path.parent),
            'test',
            pipeline=_DATASET_PIPELINE,
            test_mode=True,
            serialize_data=False,  # collects garbage, which takes half a second
        )
        item = dataset[0]
        again = dataset[0]
    except Exception as error:
        return _judge(error, path)
    same = all(map(np.array_equal, item['imgs'], again['imgs']))
    if not same or item['total_frames'] != again['total_frames']:
        return End(FAULT, text='two readings differ')
    return _compare_shown(item, path)


def _compare_shown(item: dict, path: Path) -> End:
    """See that the frames which were given are those that the file shows there.

    Of a damaged file, the check counts the coded frames, some of which no decoder can
    show. Then they must be frames that it shows elsewhere.
    """
    num_frames = item['total_frames']
    try:
        shown = [frame.astype(np.int16) for frame in VideoFile(path).read()]
    except InputError:
        return End(FRAMES, num_frames, 'the whole file cannot be decoded')
    text = f'{num_frames} coded frames, FFmpeg shows {len(shown)}; '
    for index, picture in zip(item['frame_inds'], item['imgs'], strict=True):
        levels = [_measure_difference(frame, picture) for frame in shown]
        nearest = int(np.argmin(levels))
        if levels[nearest] > _VERY_PICTURE:
            # Decoders mend damage in more than one way.
            return End(FRAMES, num_frames, f'{text}frame {index} is mended otherwise')
        if len(shown) == num_frames and levels[index] > levels[nearest] + 1:
            return End(FAULT, text=f'{text}frame {index} is given as {nearest}')
    return End(FRAMES, num_frames, text if len(shown) != num_frames else '')


def _measure_difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).mean()) if one.shape == other.shape else np.inf


def try_preparation(paths: Sequence[Path], folder: Path) -> list[End]:
    """Prepare files as one dataset, by one worker process.

    Args:
        paths: files whose names differ; they are moved.
        folder: for the dataset and what is made of it; made anew.
    """
    shutil.rmtree(folder, ignore_errors=True)
    root, out = folder / 'in', folder / 'out'
    real = root / 'test/real'
    real.mkdir(parents=True)
    (root / 'test/fake').mkdir()
    # Preparation takes files by their suffix; what FFmpeg sees in them is its matter.
    moved = {path: real / f'{path.stem}.mp4' for path in paths}
    for path, place in moved.items():
        os.rename(path, place)
    run_preparation(
        make_request(
            root,
            out,
            num_workers=1,
            build_detector=build_centre,
            limits=WorkerLimits(stall_seconds=20.0),
        )
    )
    prepared = find_prepared(OutputFolder(out))
    done = {video.records[0].source: video for video in prepared}
    ends = []
    for place in moved.values():
        video = done.get(f'test/real/{place.name}')
        if video is None:
            ends.append(End(FAULT, text='there is no result'))
        elif video.status == FAILED:
            ends.append(_judge_fault(video.records[0].fault or '', place))
        else:
            ends.append(_compare_count(video.facts.num_frames, place))
    return ends


def _judge_fault(text: str, path: Path) -> End:
    if any(word in text for word in _DIED[:2]):
        return End(REFUSED, text=text)
    if _UNTYPED.match(text):
        return End(FAULT, text=text)
    return _judge_text(text, path)


def _compare_count(num_frames: int, path: Path) -> End:
    counted = count_in_sequence(path)
    if counted is not None and counted != num_frames:
        return End(FAULT, text=f'{num_frames} frames, FFmpeg shows {counted}')
    return End(FRAMES, num_frames)


def make_inferencer(folder: Path) -> DeepfakeInferencer:
    """Make an inferencer of a tiny model that looks at the middle of every frame."""
    init_default_scope('mmaction')
    folder.mkdir(parents=True, exist_ok=True)
    return inference_builders.make_inferencer(folder, detector=CentreDetector())


def try_inference(inferencer: DeepfakeInferencer, paths: Sequence[Path]) -> list[End]:
    """Score files by one call of `infer_many`."""
    ends = []
    for path, result in zip(paths, inferencer.infer_many(paths), strict=True):
        if result.status == FAILED:
            ends.append(_judge_fault(result.fault or '', path))
        else:
            ends.append(_compare_count(result.num_frames, path))
    return ends


# Stages that take a file at a time, by their names.
SINGLE_STAGES: dict[str, Callable[[Path], End]] = {
    'decoding': try_decoding,
    'dataset': try_dataset,
}
BATCH_STAGES = ('preparation', 'inference')
STAGES = (*SINGLE_STAGES, *BATCH_STAGES)
