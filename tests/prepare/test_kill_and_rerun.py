"""kill -9 at any moment, then the same command: the same bytes as without the kill."""

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from preparation_builders import (
    make_face_video,
    make_request,
    make_tree,
    snapshot,
    write_boxes,
)
from tool_runs import ROOT

from mmdeepfake.faces.detection import Faces
from mmdeepfake.prepare.pipeline import run_preparation
from mmdeepfake.prepare.prepared_video import PreparedVideo
from mmdeepfake.structures.manifest import parse_line

TOOL = ROOT / 'tools/prepare.py'


def check_videos(out):
    """Check that every video folder is complete, whenever the run was killed."""
    for folder in {
        path.parent for path in (out / 'clips').rglob('*') if path.is_file()
    }:
        done = PreparedVideo.load(folder)
        for record in done.records:
            for name in filter(None, (record.path, record.track_file, record.mask)):
                assert (out / name).is_file()
    manifest = out / 'manifest.jsonl'
    if manifest.exists():
        for line in manifest.read_text().splitlines():
            parse_line(line)


def make_mixed_tree(root, names='abc', num_frames=12):
    """Make videos with a face, and one that cannot be read."""
    make_tree(root, names=names, num_frames=num_frames)
    (root / 'train/real/broken.mp4').write_text('Not Found' * 99)
    return root


def run_until(request, last_step, num_steps):
    """Prepare, and kill this process at a step, i.e. before a file operation in OUT.

    Args:
        request: what to prepare.
        last_step: the first step that is not done; 0 does all.
        num_steps: shared number, set to the steps that were reached.
    """
    out = str(request.out)
    events = ('open', 'os.rename', 'os.remove', 'os.mkdir', 'os.rmdir', 'fcntl.flock')

    def count(event, arguments):
        is_step = event in events and (
            event == 'fcntl.flock' or str(arguments[0]).startswith(out)
        )
        if is_step:
            num_steps.value += 1
            if num_steps.value == last_step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    run_preparation(request)


@pytest.fixture
def run_in_child():
    """Run `run_until` in its own process; return the number of steps."""
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['mmdeepfake.prepare.pipeline'])

    def run(request, last_step=0):
        num_steps = context.Value('i', 0)
        arguments = (request, last_step, num_steps)
        process = context.Process(target=run_until, args=arguments)
        process.start()
        process.join()
        assert process.exitcode == (-signal.SIGKILL if last_step else 0)
        return num_steps.value

    return run


def check_kills(run_in_child, make, tmp_path, moments, expected):
    """Kill a run at each moment, run it again, and compare the output."""
    for moment in moments:
        out = tmp_path / 'out'
        assert run_in_child(make(out), moment) == moment
        check_videos(out)
        run_preparation(make(out))
        assert snapshot(out) == expected, f'killed at step {moment}'
        assert not (out / '.partial').exists()
        assert not list(out.rglob('*.tmp*'))
        shutil.rmtree(out)


def test_kills_at_random_moments_change_nothing(tmp_path, run_in_child):
    root = make_mixed_tree(tmp_path / 'raw', 'ab', 4)
    whole = tmp_path / 'whole'
    num_steps = run_in_child(make_request(root, whole))
    expected = snapshot(whole)
    assert len(expected) == 1 + 4 * 3 + 1
    assert num_steps > 60
    moments = random.Random(0).sample(range(1, num_steps + 1), 10)
    check_kills(
        run_in_child, lambda out: make_request(root, out), tmp_path, moments, expected
    )
    out = tmp_path / 'again'
    for moment in (30, 20, 35):  # each continues where the one before was killed
        run_in_child(make_request(root, out), moment)
        check_videos(out)
    run_preparation(make_request(root, out))
    assert snapshot(out) == expected


class CentreDetector:
    """Finds one face in the centre of every frame."""

    name = 'centre'

    def detect(self, frames):
        return [self._find(*frame.shape[:2]) for frame in frames]

    def _find(self, height, width):
        side = min(height, width) / 2
        left, top = (width - side) / 2, (height - side) / 2
        box = np.array([[left, top, left + side, top + side]], np.float32)
        return Faces(box, np.array([0.9], np.float32))


def build_centre(name, **options):
    return CentreDetector()


@pytest.mark.faults
def test_twenty_kills_on_real_footage_change_no_byte(realff, tmp_path, run_in_child):
    def request(out):
        return make_request(
            realff,
            out,
            layout='ffpp',
            build_detector=build_centre,
            methods=['FaceSwap', 'NeuralTextures'],
            compressions=['c40'],
            splits=['test'],
            limit=2,
        )

    whole = tmp_path / 'whole'
    num_steps = run_in_child(request(whole))
    expected = snapshot(whole)
    assert len(expected['manifest.jsonl'].splitlines()) >= 6
    moments = random.Random(2).sample(range(1, num_steps + 1), 20)
    check_kills(run_in_child, request, tmp_path, moments, expected)


def tool_words(root, out, boxes):
    words = ['folder', str(root), str(out), '--boxes', str(boxes), '--workers', '2']
    return [*words, '--min-face-px', '16', '--quiet']


@pytest.fixture
def boxes(tmp_path):
    names = [f'train/{n}_train_{kind}' for n in 'abc' for kind in ('real', 'fake')]
    boxes = np.tile([20.0, 20, 70, 80], (12, 1))
    return write_boxes(tmp_path / 'boxes.pkl', dict.fromkeys(names, boxes))


def processes_with(mark):
    """Return the processes with a text in their environment, workers included."""
    found = []
    for folder in Path('/proc').glob('[0-9]*'):
        try:
            if mark.encode() in (folder / 'environ').read_bytes():
                found.append(folder.name)
        except OSError:
            continue
    return found


def start_tool(words, mark):
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'PREPARATION_MARK': mark}
    return subprocess.Popen(
        [sys.executable, str(TOOL), *words],
        env=environment,
        start_new_session=True,
        # A shell's background processes, and so their children, ignore SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, seconds=300):  # beside other work
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'waited in vain'
        time.sleep(0.05)


needs_proc = pytest.mark.skipif(
    not Path('/proc/self/environ').exists(), reason='looks for processes in /proc'
)


@needs_proc
def test_workers_end_with_a_tool_that_is_killed(tmp_path, boxes):
    root, out = make_mixed_tree(tmp_path / 'raw'), tmp_path / 'out'
    mark = f'killed-{os.getpid()}-{time.monotonic_ns()}'
    process = start_tool(tool_words(root, out, boxes), mark)
    wait_for(lambda: list(out.rglob('result.json')) or process.poll() is not None)
    process.kill()
    process.communicate()
    wait_for(lambda: not processes_with(mark))
    check_videos(out)
    whole = tmp_path / 'whole'
    for folder in (out, whole):
        request = make_request(root, folder, boxes_path=boxes, build_detector=None)
        run_preparation(request)
    assert snapshot(out) == snapshot(whole)


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_stopped_tool_cleans_up_and_ends_its_workers(tmp_path, boxes, number):
    root, out = make_mixed_tree(tmp_path / 'raw'), tmp_path / 'out'
    # Long enough to be running when it is stopped, even on a fast machine.
    long = make_face_video(root / 'train/real/long0.mp4', num_frames=400)
    for index in range(1, 8):
        shutil.copy(long, root / f'train/real/long{index}.mp4')
    mark = f'stopped-{os.getpid()}-{time.monotonic_ns()}'
    process = start_tool(tool_words(root, out, boxes), mark)
    wait_for(lambda: list(out.rglob('result.json')) or process.poll() is not None)
    os.killpg(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert 'run the same command again' in errors and 'Traceback' not in errors
    assert not (out / '.partial').exists()
    wait_for(lambda: not processes_with(mark))
    check_videos(out)
