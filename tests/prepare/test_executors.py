"""Workers that die, hang, or find the disk full cost no more than they must."""

import errno
import os
import re
import subprocess
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from preparation_builders import (
    encode,
    make_face_video,
    make_request,
    make_tree,
    snapshot,
)
from stubs.stub_detector import DEADLY, build_stub

from mmdeepfake.errors import ConfigError, InputError
from mmdeepfake.prepare import pipeline
from mmdeepfake.prepare.execution import WorkerLimits
from mmdeepfake.prepare.output_folder import OutputFolder
from mmdeepfake.prepare.pipeline import list_videos, run_preparation
from mmdeepfake.prepare.preparation_settings import PreparationSettings
from mmdeepfake.prepare.video_preparation import prepare_video
from mmdeepfake.prepare.work_plan import WorkUnit
from mmdeepfake.prepare.worker_context import WorkerContext, WorkerSettings
from mmdeepfake.structures.manifest import read_manifest
from mmdeepfake.video import clip_storage


@pytest.fixture
def root(tmp_path):
    return make_tree(tmp_path / 'raw', names='ab')


@pytest.fixture
def out(tmp_path):
    return tmp_path / 'faces'


def add_deadly_video(root):
    frames = [np.full((120, 160, 3), DEADLY, np.uint8)] * 8
    encode(root / 'train/real/deadly.mp4', frames)


def test_worker_that_dies_costs_one_video(root, out):
    add_deadly_video(root)
    summary = run_preparation(make_request(root, out, num_workers=2))
    (record,) = [r for r in read_manifest(out / 'manifest.jsonl') if r.status != 'ok']
    assert record.key.name.endswith('deadly')
    assert record.fault.startswith(
        'the worker process crashed or ran out of memory (SIGKILL) while preparing'
    )
    assert (summary.coverage.total.ok, summary.num_failed) == (4, 1)
    assert not (out / '.partial').exists()


def build_hanging(name, **options):
    """A detector that takes much memory, and for ever, on the video without a face."""
    stub = build_stub(name, **options)
    find = stub._find

    def find_and_hang(frame):
        faces = find(frame)
        if not len(faces):
            eaten = np.ones(1 << 30, np.uint8)
            time.sleep(600)
            del eaten
        return faces

    stub._find = find_and_hang
    return stub


class LimitsOfOne(WorkerLimits):
    """Limits that never strike other videos, however busy the machine is."""

    def find_fault(self, unit, position, **taken):
        if unit.videos[position].path.stem == 'hangs':
            return super().find_fault(unit, position, **taken)
        return None


@pytest.mark.parametrize(
    ('limits', 'fault'),
    [
        (dict(timeout_seconds=2), r'it took longer than the 2 s allowed'),
        (dict(stall_seconds=2), r'it gave no frame for 2\.\d+ s'),  # it has some bytes
        (dict(memory_bytes=1 << 30), r'it took more than the 1 GiB of memory allowed'),
    ],
)
def test_video_that_takes_too_much_has_failed(root, out, limits, fault):
    make_face_video(root / 'train/real/hangs.mp4', faces=())
    limits = LimitsOfOne(**dict(stall_seconds=None, memory_bytes=None) | limits)
    request = make_request(
        root, out, num_workers=2, limits=limits, build_detector=build_hanging
    )
    summary = run_preparation(request)
    ((failed, said),) = summary.coverage.faults.items()
    assert failed.endswith('hangs')
    assert re.match(f'{fault} while preparing this video', said)
    assert summary.coverage.total.ok == 4


def test_limits_grow_with_the_file_and_may_be_lifted(tmp_path):
    path = tmp_path / 'a.mp4'
    with open(path, 'wb') as file:
        file.truncate(2_000_000_000)
    small = WorkUnit((SimpleNamespace(path=tmp_path / 'b.mp4'),))
    large = WorkUnit(small.videos, archive=path)
    free = WorkerLimits(stall_seconds=None, memory_bytes=None)
    for limits, unit, silent, expected in (
        (WorkerLimits(), small, 299, None),
        (WorkerLimits(), small, 301, 'it gave no frame for 300 s'),
        (WorkerLimits(), large, 699, None),
        (WorkerLimits(), large, 701, 'it gave no frame for 700 s'),
        (free, small, 1e9, None),
    ):
        taken = dict(silent=silent, seconds=1e9, pid=os.getpid())
        assert limits.find_fault(unit, 0, **taken) == expected
    with pytest.raises(ConfigError, match='stall_seconds=-1; allowed is a number ab'):
        WorkerLimits(stall_seconds=-1)


def test_every_frame_is_progress(root, out):
    """A long video is no stalled one: whoever reads a frame is told of."""
    settings = PreparationSettings(layout='folder', min_face_px=16)
    order = WorkerSettings(root, out, 'all', settings, build_detector=build_stub)
    context = WorkerContext(order)
    told = []
    context.report_progress = lambda: told.append(None)
    request = make_request(root, out)
    with OutputFolder(out).partial_folder('all'):
        prepare_video(list_videos(request)[0], context)
    assert len(told) == 2 * 20  # two passes


def test_detector_that_lacks_a_package_stops_the_run(root, out):
    settings = {'detector_options': {'needs': 'a package'}}
    request = make_request(root, out, num_workers=2, settings=settings)
    with pytest.raises(ConfigError, match='the stub needs a package'):
        run_preparation(request)
    assert not (out / 'clips').exists()


def report_threads(name, **options):
    """A detector that only reports how many threads it may use."""
    threads = cv2.getNumThreads(), os.environ['OMP_NUM_THREADS']
    raise ConfigError(f'threads: {threads}')


def test_worker_has_one_thread(root, out):
    request = make_request(root, out, num_workers=2, build_detector=report_threads)
    with pytest.raises(ConfigError, match=re.escape("threads: (1, '1')")):
        run_preparation(request)


def test_interrupt_leaves_whole_videos_alone(root, out, monkeypatch):
    def interrupt(self, outcome):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline.ProgressReport, 'add', interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_preparation(make_request(root, out, num_workers=2))
    monkeypatch.undo()
    assert not (out / '.partial').exists()
    done = sorted(path.parent for path in out.rglob('result.json'))
    assert done == sorted(path.parent for path in out.rglob('track_0.tar'))
    summary = run_preparation(make_request(root, out))
    assert summary.num_kept == len(done) >= 1
    assert summary.coverage.total.ok == 4


def fill_disk_after(num_frames, monkeypatch):
    written = 0
    add = clip_storage.ClipWriter._add_member

    def add_until_full(self, name, content):
        nonlocal written
        written += 1
        if written > num_frames:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        return add(self, name, content)

    monkeypatch.setattr(clip_storage.ClipWriter, '_add_member', add_until_full)


def test_full_disk_stops_the_run_and_leaves_no_half_file(
    root, out, tmp_path, monkeypatch
):
    whole = tmp_path / 'whole'
    run_preparation(make_request(root, whole))
    fill_disk_after(50, monkeypatch)
    with pytest.raises(InputError) as caught:
        run_preparation(make_request(root, out))
    assert 'No space left on device' in str(caught.value)
    assert 'run the same command again to go on' in str(caught.value)
    assert not list(out.rglob('*.tmp')) and not (out / '.partial').exists()
    done = snapshot(out)
    assert 0 < len(done) < len(snapshot(whole))
    assert done.items() <= snapshot(whole).items()
    monkeypatch.undo()
    run_preparation(make_request(root, out))
    assert snapshot(out) == snapshot(whole)


def test_output_that_cannot_be_written_is_told(root, tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(InputError, match='cannot be written: Not a directory'):
        run_preparation(make_request(root, tmp_path / 'file/faces'))


def test_a_real_full_disk_is_told_from_the_workers(root, tmp_path, small_disk):
    out = small_disk / 'faces'
    with pytest.raises(InputError, match='No space left on device'):
        run_preparation(make_request(root, out, num_workers=2))
    assert not list(out.rglob('*.tmp'))
    done = {path.parent for path in out.rglob('result.json')}
    assert {path.parent for path in out.rglob('track_0.tar')} <= done


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 128 KiB; mounting one takes root's rights."""
    place = tmp_path / 'disk'
    place.mkdir()
    words = ['mount', '-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', str(place)]
    try:
        subprocess.run(words, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f'no small file system can be mounted here: {error}')
    yield place
    subprocess.run(['umount', str(place)], check=True)
