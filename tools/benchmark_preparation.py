"""Measure the preparation: its speed beside DeepfakeBench's way, and crop motion.

`speed VIDEO ...` makes 720p test videos out of the given ones (scaled to full height,
played to and fro for 10 s, a blurred copy at the sides), then prepares them twice, each
way in a process of its own: by our pipeline, and as DeepfakeBench does it (re-written
here from a description: 32 frames spread over the video, dlib's HOG detector with one
doubling, the largest face, 68 landmarks, a similarity transform of five points to
256 x 256, the detector once more on the crop, PNG). Needs dlib. Times are CPU seconds.

`crops VIDEO ...` cuts crops at load time with a box a frame, a snippet and a video and
prints the mean absolute difference of adjacent crops, for tracks of single frames'
detections and for ours.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.commands.command_line import run_tool
from mmdeepfake.errors import DataError
from mmdeepfake.faces.detection import build_detector
from mmdeepfake.faces.detection.dlib_hog import import_dlib
from mmdeepfake.faces.landmarks import find_model
from mmdeepfake.faces.tracking import TrackingSettings, track_faces
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.layouts.source_video import SourceVideo
from mmdeepfake.prepare.preparation_settings import PreparationSettings
from mmdeepfake.prepare.video_preparation import prepare_video
from mmdeepfake.prepare.worker_context import WorkOrder, Workshop
from mmdeepfake.structures import OK, FaceTrack, VideoKey

HEIGHT, WIDTH, SECONDS = 720, 1280, 10
NUM_BENCH_FRAMES, BENCH_SIDE_PX, BENCH_SCALE = 32, 256, 1.3
# Eyes, tip of the nose and corners of the mouth in a picture of 112 x 112 (the usual
# template of face recognition), and the landmarks that stand for them.
TEMPLATE = np.array(
    [[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]], np.float32
)
TEMPLATE_SIDE = 112
POINTS = (37, 44, 30, 49, 55)


@dataclass
class Cost:
    """What one way took, for all videos together.

    Attributes:
        num_videos: videos done.
        num_frames: frames of these videos.
        num_looked_at: frames in which the way looks for a face, or gives it a box.
        num_boxes: frames that got one.
        cpu_seconds: of the process, from the first video on.
        wall_seconds: the same by the clock.
        peak_bytes: most memory that the process ever held.
        stored_bytes: written.
    """

    num_videos: int = 0
    num_frames: int = 0
    num_looked_at: int = 0
    num_boxes: int = 0
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    peak_bytes: int = 0
    stored_bytes: int = 0


def decode(path: pathlib.Path) -> list[NDArray[np.uint8]]:
    """Decode all frames of a short video: (H, W, 3) uint8 RGB."""
    with av.open(str(path)) as container:
        return [f.to_ndarray(format='rgb24') for f in container.decode(video=0)]


def make_720p(source: pathlib.Path, target: pathlib.Path) -> None:
    """Make the test video of one source; see the module."""
    frames = decode(source)
    with av.open(str(source)) as container:
        fps = round(float(container.streams.video[0].average_rate))
    there_and_back = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    with av.open(str(target), 'w') as container:
        stream = container.add_stream('libx264', rate=fps)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, 'yuv420p'
        stream.options = {'crf': '23', 'g': '250', 'preset': 'medium'}
        for i in range(fps * SECONDS):
            frame = frames[there_and_back[i % len(there_and_back)]]
            width = min(WIDTH, round(frame.shape[1] * HEIGHT / frame.shape[0]))
            small = cv2.resize(frame, (32, 18), interpolation=cv2.INTER_AREA)
            picture = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
            left = (WIDTH - width) // 2
            picture[:, left : left + width] = cv2.resize(
                frame, (width, HEIGHT), interpolation=cv2.INTER_CUBIC
            )
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(picture, format='rgb24'))
            )
        container.mux(stream.encode())


# Our way ---------------------------------------------------------------------------


class OurWay:
    """Our pipeline: every frame, tracked, stored as a clip."""

    def __init__(self, out: pathlib.Path, settings: PreparationSettings) -> None:
        order = WorkOrder(out, out, 'all', settings)
        self._workshop = Workshop(order)
        self._workshop.partial.mkdir(parents=True)
        self._workshop.detector  # noqa: B018  (made before the clock starts)

    def get_ready(self, paths: Sequence[pathlib.Path]) -> None:
        """Do what is not measured."""

    def prepare(self, path: pathlib.Path) -> tuple[int, int, int]:
        """Prepare one video; give its frames, those looked at, and those with a box."""
        return self._prepare(SourceVideo(_real_key(path), path, 'test'))

    def _prepare(self, video: SourceVideo) -> tuple[int, int, int]:
        done = prepare_video(video, self._workshop)
        if done.status != OK:
            raise DataError(f'{video.path} failed: {done.records[0].fault}')
        seen = np.zeros(done.facts.num_frames, bool)
        for record in done.records:
            track = FaceTrack.load(self._workshop.out.root / record.track_file)
            seen[track.first_frame : track.first_frame + len(track)] = True
        return len(seen), len(seen), int(seen.sum())


class OurWayForFakes(OurWay):
    """Our pipeline for a fake that takes the boxes of its real video, as in FF++."""

    def get_ready(self, paths: Sequence[pathlib.Path]) -> None:
        """Prepare the real videos."""
        for path in paths:
            super().prepare(path)

    def prepare(self, path: pathlib.Path) -> tuple[int, int, int]:
        """See `OurWay.prepare`."""
        key = VideoKey('benchmark', 1, 'fake', 'c23', path.stem)
        video = SourceVideo(key, path, 'test', partner=_real_key(path))
        return self._prepare(video)


def _real_key(path: pathlib.Path) -> VideoKey:
    return VideoKey('benchmark', 0, 'real', 'c23', path.stem)


# DeepfakeBench's way ---------------------------------------------------------------


class BenchWay:
    """Single frames, spread over the video, each warped on its own."""

    def __init__(self, out: pathlib.Path, _: PreparationSettings) -> None:
        dlib = import_dlib('DeepfakeBench')
        self._out = out
        self._detect = dlib.get_frontal_face_detector()
        self._predict = dlib.shape_predictor(str(find_model()))

    def get_ready(self, paths: Sequence[pathlib.Path]) -> None:
        """See `OurWay.get_ready`."""

    def prepare(self, path: pathlib.Path) -> tuple[int, int, int]:
        """See `OurWay.prepare`."""
        video = cv2.VideoCapture(str(path))
        num_frames = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        wanted = np.linspace(0, num_frames - 1, NUM_BENCH_FRAMES).astype(int)
        folder = self._out / 'frames' / path.stem
        landmarks = self._out / 'landmarks' / path.stem
        folder.mkdir(parents=True)
        landmarks.mkdir(parents=True)
        num_boxes = 0
        for index in range(num_frames):
            is_read, frame = video.read()
            if not is_read or index not in wanted:
                continue
            found = self._warp(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
            if found is None:
                continue
            crop, points = found
            bgr = cv2.cvtColor(crop, cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(folder / f'{index:03d}.png'), bgr)
            np.save(landmarks / f'{index:03d}.npy', points)
            num_boxes += 1
        video.release()
        return num_frames, len(set(wanted.tolist())), num_boxes

    def _warp(
        self, frame: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]] | None:
        faces = self._detect(frame, 1)
        if not faces:
            return None
        largest = max(faces, key=lambda face: face.width() * face.height())
        source = self._landmarks(frame, largest)[list(POINTS)].astype(np.float32)
        margin = (BENCH_SCALE - 1) / 2
        target = (TEMPLATE / TEMPLATE_SIDE + margin) / BENCH_SCALE * BENCH_SIDE_PX
        matrix, _ = cv2.estimateAffinePartial2D(source, target, method=cv2.LMEDS)
        crop = cv2.warpAffine(frame, matrix, (BENCH_SIDE_PX, BENCH_SIDE_PX))
        faces = self._detect(crop, 1)
        return (crop, self._landmarks(crop, faces[0])) if faces else None

    def _landmarks(self, frame: NDArray[np.uint8], face: object) -> NDArray[np.int64]:
        shape = self._predict(frame, face)
        return np.array([(point.x, point.y) for point in shape.parts()])


WAYS: dict[str, Callable] = {
    'ours': OurWay,
    'ours, boxes of the real video': OurWayForFakes,
    "DeepfakeBench's": BenchWay,
}


def measure_way(
    name: str,
    paths: Sequence[pathlib.Path],
    out: pathlib.Path,
    settings: PreparationSettings,
    results: object,
) -> None:
    """Prepare all videos one way; runs in a process of its own."""
    cv2.setNumThreads(1)
    out.mkdir(parents=True)
    way = WAYS[name](out, settings)
    way.get_ready(paths)
    num_bytes = count_bytes(out)
    cost = Cost(num_videos=len(paths))
    cpu, wall = time.process_time(), time.perf_counter()
    for path in paths:
        num_frames, num_looked_at, num_boxes = way.prepare(path)
        cost.num_frames += num_frames
        cost.num_looked_at += num_looked_at
        cost.num_boxes += num_boxes
    cost.cpu_seconds = time.process_time() - cpu
    cost.wall_seconds = time.perf_counter() - wall
    cost.peak_bytes = read_peak_bytes()
    cost.stored_bytes = count_bytes(out) - num_bytes
    results.put((name, cost))


def count_bytes(folder: pathlib.Path) -> int:
    """Add up the sizes of all files in a folder."""
    files = (file for file in folder.rglob('*') if file.is_file())
    return sum(file.stat().st_size for file in files)


def read_peak_bytes() -> int:
    """Give the most memory that this process held, on Linux.

    `getrusage` would tell of the process that started this one, too.
    """
    status = pathlib.Path('/proc/self/status').read_text()
    (line,) = (line for line in status.splitlines() if line.startswith('VmHWM:'))
    return int(line.split()[1]) * 1024


def run_speed(args: argparse.Namespace) -> None:
    """Make the videos, prepare them both ways, print the table."""
    import_dlib('DeepfakeBench')
    find_model()
    tracking = TrackingSettings(
        detect_every=args.detect_every or TrackingSettings().detect_every
    )
    settings = PreparationSettings(
        layout='folder',
        detector_options={} if args.engine is None else {'engine': args.engine},
        tracking=tracking,
    )
    context = multiprocessing.get_context('spawn')
    costs: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory(prefix='preparation_') as folder:
        root = pathlib.Path(folder)
        paths = []
        for source in map(pathlib.Path, args.videos):
            paths.append(root / f'{source.stem}.mp4')
            make_720p(source, paths[-1])
        for number, name in enumerate(WAYS):
            results = context.Queue()
            arguments = (name, paths, root / f'out_{number}', settings, results)
            process = context.Process(target=measure_way, args=arguments)
            process.start()
            process.join()
            if process.exitcode:
                raise DataError(f'the process of {name} ended with {process.exitcode}')
            name, costs[name] = results.get()
    for row in format_speed(costs):
        print(row)
    if args.json:
        text = json.dumps(
            {name: asdict(cost) for name, cost in costs.items()}, indent=2
        )
        replace_text(args.json, text + '\n')


def format_speed(costs: dict[str, Cost]) -> list[str]:
    """Lay the costs out side by side."""
    columns = [costs[name] for name in WAYS]
    *ours, theirs = (cost.cpu_seconds / cost.num_videos for cost in columns)
    rows: list[tuple[str, Callable[[Cost], str]]] = [
        ('CPU seconds a video', lambda c: f'{c.cpu_seconds / c.num_videos:.2f}'),
        ('wall seconds a video', lambda c: f'{c.wall_seconds / c.num_videos:.2f}'),
        (
            'frames of video a second a core',
            lambda c: f'{c.num_frames / c.cpu_seconds:.1f}',
        ),
        (
            'frames with a face a second a core',
            lambda c: f'{c.num_boxes / c.cpu_seconds:.1f}',
        ),
        (
            'coverage of the frames looked at',
            lambda c: f'{c.num_boxes / c.num_looked_at:.1%}',
        ),
        ('coverage of all frames', lambda c: f'{c.num_boxes / c.num_frames:.1%}'),
        ('peak memory of the process', lambda c: f'{c.peak_bytes / 1e6:.0f} MB'),
        ('stored a video', lambda c: f'{c.stored_bytes / c.num_videos / 1e6:.1f} MB'),
    ]
    return [
        f'| {columns[0].num_videos} videos of {WIDTH} x {HEIGHT}, {SECONDS} s | '
        + ' | '.join(WAYS)
        + ' |',
        '|---|' + '---:|' * len(columns),
        *(f'| {name} | {" | ".join(map(show, columns))} |' for name, show in rows),
        f'\nOurs is {theirs / ours[0]:.1f} times as fast a video, and '
        f'{theirs / ours[1]:.1f} times where the boxes are known.',
    ]


# Crop motion -----------------------------------------------------------------------

TRACKERS = {
    'detected in every frame, not smoothed': TrackingSettings(
        detect_every=1, smoothing_frames=0.0
    ),
    'ours (every 5th frame, smoothed)': TrackingSettings(),
}
RULES = ('frame', 'snippet', 'video')
NUM_SNIPPETS, CLIP_LEN, SIDE_PX = 8, 4, 224


def measure_motion(
    frames: list[NDArray[np.uint8]], track: FaceTrack, rule: str
) -> float:
    """Mean absolute difference of adjacent crops, in grey levels."""
    from mmaction.datasets.transforms import Resize

    from mmdeepfake.datasets.transforms import CropFace
    from mmdeepfake.datasets.transforms.sampling import sample_starts

    starts = sample_starts(
        len(frames), num_snippets=NUM_SNIPPETS, span=CLIP_LEN, centred=True
    )
    indices = (starts[:, None] + np.arange(CLIP_LEN)).reshape(-1)
    results = {
        'imgs': [frames[index] for index in indices],
        'img_shape': frames[0].shape[:2],
        'frame_inds': indices,
        'num_clips': NUM_SNIPPETS,
        'clip_len': CLIP_LEN,
        'face_boxes': track.boxes,
    }
    results = Resize(scale=(SIDE_PX, SIDE_PX), keep_ratio=False)(
        CropFace(margin_ratio=1.3, box=rule)(results)
    )
    crops = np.stack(results['imgs']).astype(np.float32)
    snippets = crops.reshape(NUM_SNIPPETS, CLIP_LEN, *crops.shape[1:])
    return float(np.abs(np.diff(snippets, axis=1)).mean())


def measure_jitter(boxes: NDArray[np.float32]) -> tuple[float, float]:
    """Second difference of the centre and change of the side: medians, in pixels."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    jerk = np.linalg.norm(np.diff(centres, n=2, axis=0), axis=1)
    return float(np.median(jerk)), float(np.median(np.abs(np.diff(sides))))


def run_crops(args: argparse.Namespace) -> None:
    """Track every video, cut crops by each rule, print the table."""
    cv2.setNumThreads(1)
    detector = build_detector('centerface')
    motions: dict[tuple[str, str], list[float]] = {}
    jitters: dict[str, list[tuple[float, float]]] = {}
    num_videos = 0
    for path in map(pathlib.Path, args.videos):
        frames = decode(path)
        tracks = {
            name: track_faces(frames, detector, settings).tracks
            for name, settings in TRACKERS.items()
        }
        if any(not t or len(t[0]) != len(frames) for t in tracks.values()):
            print(f'{path}: no face in all frames, left out', file=sys.stderr)
            continue
        num_videos += 1
        for name, found in tracks.items():
            jitters.setdefault(name, []).append(measure_jitter(found[0].boxes))
            for rule in RULES:
                motion = measure_motion(frames, found[0], rule)
                motions.setdefault((name, rule), []).append(motion)
    if not num_videos:
        raise DataError('none of the videos shows a face in all of its frames')
    print(
        f'| {num_videos} videos; boxes | a box a frame | a snippet | a video | jitter |'
    )
    print('|---|---:|---:|---:|---:|')
    for name in TRACKERS:
        means = [statistics.fmean(motions[name, rule]) for rule in RULES]
        jerk, change = (
            math.fsum(v) / num_videos for v in zip(*jitters[name], strict=True)
        )
        print(
            f'| {name} | '
            + ' | '.join(f'{mean:.2f}' for mean in means)
            + f' | {jerk:.2f} px, {change:.2f} px |'
        )
    for name in TRACKERS:
        pairs = zip(motions[name, 'frame'], motions[name, 'snippet'], strict=True)
        ratios = [frame / snippet for frame, snippet in pairs]
        share = statistics.fmean(ratio > 1 for ratio in ratios)
        print(
            f'\n{name}: a box a frame moves more than a box a snippet in {share:.0%} '
            f'of the videos, median ratio {statistics.median(ratios):.2f}.'
        )


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar='speed|crops')
    speed = commands.add_parser('speed', help="beside DeepfakeBench's way")
    speed.set_defaults(run=run_speed)
    speed.add_argument('--json', help='write the costs into this file too')
    speed.add_argument(
        '--detect-every', type=int, metavar='N', help='frames between our detections'
    )
    speed.add_argument('--engine', help="of our detector: 'opencv' or 'onnxruntime'")
    crops = commands.add_parser(
        'crops', help='motion of crops by the rule of their box'
    )
    crops.set_defaults(run=run_crops)
    for command in (speed, crops):
        command.add_argument('videos', nargs='+')
    return parser.parse_args()


if __name__ == '__main__':
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    arguments = parse_args()
    sys.exit(run_tool(arguments.run, arguments))
