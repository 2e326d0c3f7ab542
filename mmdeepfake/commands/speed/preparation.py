"""Compare our preparation with dlib's, for `tools/speed_preparation.py`.

Every video is prepared twice, each way in its own process: by our pipeline, and with
dlib as DeepfakeBench describes it: 32 frames spread over the video, HOG detector with
one upsampling, largest face, 68 landmarks, a similarity transform of five points to
256 x 256, the detector again on the crop, PNG.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError
from mmdeepfake.faces.detection.dlib_hog import import_dlib
from mmdeepfake.faces.landmarks import find_model
from mmdeepfake.faces.tracking import TrackingSettings
from mmdeepfake.layouts.source_video import SourceVideo
from mmdeepfake.prepare.preparation_settings import PreparationSettings
from mmdeepfake.prepare.video_preparation import prepare_video
from mmdeepfake.prepare.worker_context import WorkerContext, WorkerSettings
from mmdeepfake.structures import OK, FaceTrack, VideoKey

from ..markdown import format_table
from .speed_report import describe_run, format_facts, write_report

NUM_DLIB_FRAMES, DLIB_SIDE_PX, DLIB_SCALE = 32, 256, 1.3
# Eyes, nose tip and mouth corners in 112 x 112 pixels (the usual template of face
# recognition), and their landmarks.
TEMPLATE = np.array(
    [[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]], np.float32
)
TEMPLATE_SIDE = 112
POINTS = [37, 44, 30, 49, 55]


class OurWay:
    """Our pipeline: every frame, tracked, stored as a clip."""

    def __init__(self, out: Path, settings: PreparationSettings) -> None:
        root = Path('/')  # the videos may be anywhere
        self._context = WorkerContext(WorkerSettings(root, out, 'all', settings))
        self._context.partial.mkdir(parents=True)
        self._context.detector  # noqa: B018  (loaded before the clock starts)

    def prepare(self, path: Path) -> tuple[int, int]:
        """Prepare one video; return its number of frames, and of those with a box."""
        key = VideoKey('benchmark', 0, 'real', 'c23', path.stem)
        done = prepare_video(SourceVideo(key, path, 'test'), self._context)
        if done.status != OK:
            raise DataError(f'{path} failed: {done.records[0].fault}')
        seen = np.zeros(done.facts.num_frames, bool)
        for record in done.records:
            track = FaceTrack.load(self._context.out.root / record.track_file)
            seen[track.first_frame : track.first_frame + len(track)] = True
        return len(seen), int(seen.sum())


class DlibWay:
    """Single frames, spread over the video, each aligned by itself."""

    def __init__(self, out: Path, _: PreparationSettings) -> None:
        dlib = import_dlib('dlib')
        self._out = out
        self._detect = dlib.get_frontal_face_detector()
        self._predict = dlib.shape_predictor(str(find_model()))

    def prepare(self, path: Path) -> tuple[int, int]:
        """See `OurWay.prepare`."""
        video = cv2.VideoCapture(str(path))
        num_frames = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        wanted = np.linspace(0, num_frames - 1, NUM_DLIB_FRAMES).astype(int)
        folder = self._out / path.stem
        folder.mkdir(parents=True)
        num_boxes = 0
        for index in range(num_frames):
            is_read, frame = video.read()
            if is_read and index in wanted:
                found = self._warp(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
                if found is not None:
                    bgr = cv2.cvtColor(found[0], cv2.COLOR_RGB2BGR)
                    cv2.imwrite(str(folder / f'{index:03d}.png'), bgr)
                    np.save(folder / f'{index:03d}.npy', found[1])
                    num_boxes += 1
        video.release()
        return num_frames, num_boxes

    def _warp(
        self, frame: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]] | None:
        faces = self._detect(frame, 1)
        if not faces:
            return None
        largest = max(faces, key=lambda face: face.width() * face.height())
        source = self._landmarks(frame, largest)[POINTS].astype(np.float32)
        margin = (DLIB_SCALE - 1) / 2
        target = (TEMPLATE / TEMPLATE_SIDE + margin) / DLIB_SCALE * DLIB_SIDE_PX
        matrix, _ = cv2.estimateAffinePartial2D(source, target, method=cv2.LMEDS)
        crop = cv2.warpAffine(frame, matrix, (DLIB_SIDE_PX, DLIB_SIDE_PX))
        faces = self._detect(crop, 1)
        return (crop, self._landmarks(crop, faces[0])) if faces else None

    def _landmarks(self, frame: NDArray[np.uint8], face: object) -> NDArray[np.int64]:
        shape = self._predict(frame, face)
        return np.array([(point.x, point.y) for point in shape.parts()])


WAYS = {'ours': OurWay, 'dlib': DlibWay}


def run_speed_preparation(args: argparse.Namespace) -> None:
    """Prepare the videos both ways, print the table and write it."""
    import_dlib('dlib')
    find_model()
    paths = [Path(path).resolve() for path in args.videos]
    for path in paths:
        if not path.is_file():
            raise DataError(f'no such video: {path}')
    tracking = TrackingSettings(
        detect_every=args.detect_every or TrackingSettings().detect_every
    )
    settings = PreparationSettings(layout='folder', tracking=tracking)
    facts = {**describe_run(), 'videos': ', '.join(path.name for path in paths)}
    costs = {}
    for name in WAYS:
        with tempfile.TemporaryDirectory(prefix='preparation_') as folder:
            # A new process each, since its peak memory is measured.
            context = multiprocessing.get_context('spawn')
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                costs[name] = pool.submit(
                    measure_way, name, paths, Path(folder), settings
                ).result()
    text = format_preparation(costs, facts)
    print(text)
    if args.out is not None:
        record = {'facts': facts, 'costs': costs}
        write_report('speed_preparation', text, record, args.out)


def measure_way(
    name: str, paths: Sequence[Path], out: Path, settings: PreparationSettings
) -> dict[str, float]:
    """Prepare all videos one way, in a fresh process; the models are loaded before."""
    cv2.setNumThreads(1)
    way = WAYS[name](out, settings)
    cpu, wall = time.process_time(), time.perf_counter()
    counts = [way.prepare(path) for path in paths]
    return {
        'num_videos': len(paths),
        'num_frames': sum(num_frames for num_frames, _ in counts),
        'num_boxes': sum(num_boxes for _, num_boxes in counts),
        'cpu_seconds': time.process_time() - cpu,
        'wall_seconds': time.perf_counter() - wall,
        'peak_bytes': read_peak_bytes(),
        'stored_bytes': sum(f.stat().st_size for f in out.rglob('*') if f.is_file()),
    }


def read_peak_bytes() -> int:
    """Return this process's peak resident set; `getrusage` counts its parent's too."""
    lines = Path('/proc/self/status').read_text().splitlines()
    (line,) = (line for line in lines if line.startswith('VmHWM:'))
    return int(line.split()[1]) * 1024


COLUMNS: dict[str, Callable[[Mapping[str, float]], str]] = {
    'CPU s a video': lambda c: f'{c["cpu_seconds"] / c["num_videos"]:.2f}',
    'wall s a video': lambda c: f'{c["wall_seconds"] / c["num_videos"]:.2f}',
    'frames/s a core': lambda c: f'{c["num_frames"] / c["cpu_seconds"]:.1f}',
    'frames with a face/s a core': lambda c: f'{c["num_boxes"] / c["cpu_seconds"]:.1f}',
    'frames with a face': lambda c: f'{c["num_boxes"] / c["num_frames"]:.1%}',
    'peak, MB': lambda c: f'{c["peak_bytes"] / 1e6:.0f}',
    'stored a video, MB': lambda c: f'{c["stored_bytes"] / c["num_videos"] / 1e6:.1f}',
}


def format_preparation(
    costs: Mapping[str, Mapping[str, float]], facts: Mapping[str, str]
) -> str:
    """Format the facts of a run and the cost of each way."""
    rows = [
        [name, *(f(cost) for f in COLUMNS.values())] for name, cost in costs.items()
    ]
    table = format_table(['way', *COLUMNS], rows)
    return f'# Speed of the preparation\n\n{format_facts(facts)}\n\n{table}\n'
