"""Workers that die, hang, or find the disk full cost no more than they must."""

import errno
import os
import re

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

from mmdeepfake.prepare import clip_storage, pipeline
from mmdeepfake.prepare.manifest import read_manifest
from mmdeepfake.prepare.pipeline import run_preparation
from mmdeepfake.structures import ConfigError, InputError


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
        'the worker process died (SIGKILL, as when memory runs out) while preparing'
    )
    assert (summary.coverage.total.ok, summary.num_failed) == (4, 1)
    assert not (out / '.partial').exists()


def build_slow(name, **options):
    """A detector that hangs on the video without a face."""
    import time

    stub = build_stub(name, **options)
    find = stub._find

    def find_slowly(frame):
        faces = find(frame)
        if not len(faces):
            time.sleep(600)
        return faces

    stub._find = find_slowly
    return stub


def test_video_that_takes_too_long_has_failed(root, out):
    make_face_video(root / 'train/real/hangs.mp4', faces=())
    request = make_request(
        root, out, num_workers=2, timeout_seconds=6, build_detector=build_slow
    )
    summary = run_preparation(request)
    ((name, fault),) = summary.coverage.faults.items()
    assert name.endswith('hangs')
    assert fault.startswith('it took longer than the 6 s allowed')
    assert summary.coverage.total.ok == 4


def test_detector_that_lacks_a_package_stops_the_run(root, out):
    settings = {'detector_options': {'needs': 'a package'}}
    request = make_request(root, out, num_workers=2, settings=settings)
    with pytest.raises(ConfigError, match='the stub needs a package'):
        run_preparation(request)
    assert not (out / 'clips').exists()


def tell_threads(name, **options):
    """A detector that only tells how many threads it may use."""
    import cv2

    threads = cv2.getNumThreads(), os.environ['OMP_NUM_THREADS']
    raise ConfigError(f'threads: {threads}')


def test_worker_has_one_thread(root, out):
    request = make_request(root, out, num_workers=2, build_detector=tell_threads)
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
    with pytest.raises(InputError, match='cannot be written to: Not a directory'):
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
    import subprocess

    place = tmp_path / 'disk'
    place.mkdir()
    words = ['mount', '-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', str(place)]
    try:
        subprocess.run(words, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f'no small file system can be mounted here: {error}')
    yield place
    subprocess.run(['umount', str(place)], check=True)
