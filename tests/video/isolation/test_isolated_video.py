"""Foreign bytes are decoded elsewhere: the same pixels, and no way to do harm here."""

import gc
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from multiprocessing import forkserver
from pathlib import Path

import numpy as np
import pytest
from builders import make_video
from preparation_builders import draw_faces, encode
from stubs.stub_decoders import HARMLESS_FRAMES, TreacherousDecoder, say

import mmdeepfake
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.video.frame_sources import VideoFile
from mmdeepfake.video.isolation import supervised_process
from mmdeepfake.video.isolation.decoder_process import DecoderProcess
from mmdeepfake.video.isolation.decoder_worker import FACTS
from mmdeepfake.video.isolation.isolated_video import IsolatedDecoder, IsolatedVideo
from mmdeepfake.video.isolation.message_channel import MessageChannel
from mmdeepfake.video.isolation.process_limits import DecodingLimits
from mmdeepfake.video.isolation.supervised_process import (
    LOOK_SECONDS,
    Stopwatch,
    SupervisedProcess,
    describe_exit,
)
from mmdeepfake.video.local_decoding import LocalDecoder

PACKAGE = Path(mmdeepfake.__file__).parent
FORMATS = [
    ('a.mp4', (160, 120), dict(codec='libx264')),
    ('a.mp4', (160, 120), dict(codec='libx264', rotation=90)),
    ('a.mp4', (160, 120), dict(codec='libx264', rotation=180)),
    ('a.mp4', (160, 120), dict(codec='libx264', pts=[0, 40, 80, 300, 340, 380])),
    ('a.mkv', (161, 119), dict(codec='ffv1', pix_fmt='yuv420p')),
    ('a.mkv', (160, 120), dict(codec='ffv1', pix_fmt='yuv420p10le')),
    ('a.mkv', (150, 110), dict(codec='ffv1', pix_fmt='yuv444p')),
    ('a.mkv', (160, 120), dict(codec='ffv1', pix_fmt='gray')),
    ('a.mkv', (160, 120), dict(codec='ffv1', pix_fmt='gray16le')),
    ('a.mkv', (160, 120), dict(codec='ffv1', pix_fmt='yuva420p')),
    ('a.mov', (160, 120), dict(codec='png', pix_fmt='rgba')),
    ('a.avi', (160, 120), dict(codec='mjpeg', pix_fmt='yuvj422p')),
    ('a.gif', (160, 120), dict(codec='gif', pix_fmt='gray')),
]


@pytest.fixture(scope='module')
def decoder():
    return IsolatedDecoder()


@pytest.fixture(scope='module')
def treacherous():
    return IsolatedDecoder(
        DecodingLimits(memory_bytes=256 << 20), make_decoder=TreacherousDecoder
    )


def make_named(tmp_path, stem, **options):
    return make_video(tmp_path / f'{stem}.mp4', num_frames=12, **options)


@pytest.mark.parametrize(('name', 'size', 'options'), FORMATS)
def test_every_pixel_and_fact_is_that_of_decoding_here(
    tmp_path, decoder, name, size, options
):
    frames = [draw_faces(i, size=size) for i in range(6)]
    if name.endswith('gif'):  # few greys
        frames = [np.repeat(frame[:, :, :1] // 64 * 64, 3, axis=2) for frame in frames]
    path = encode(tmp_path / name, frames, **options)
    here, there = VideoFile(path), decoder.open_video(path)
    for _ in range(2):
        readings = here.read_unconverted(), there.read_unconverted()
        for pair in zip(*readings, strict=True):
            sizes, pixels = zip(
                *(
                    (
                        (frame.height, frame.width, frame.is_bt709),
                        (
                            frame.whole(),
                            frame.part((13, 8, 101, 95)),
                            frame.reduced(50, 70),
                            frame.thinned(3, 2),
                            frame.planes(120, 160, True),
                        ),
                    )
                    for frame in pair
                ),
                strict=True,
            )
            assert sizes[0] == sizes[1]
            for one, other in zip(*pixels, strict=True):
                np.testing.assert_array_equal(one, other)
    assert [getattr(here, n) for n in FACTS] == [getattr(there, n) for n in FACTS]
    assert there.times_seconds or 'pts' not in options
    assert here.content_hash() == there.content_hash()


def test_random_access_is_that_of_reading_here(tmp_path, decoder):
    path = str(make_video(tmp_path / 'a.mp4', num_frames=40, gop=12, bframes=3))
    here, there = LocalDecoder().open_reader(path), decoder.open_reader(path)
    assert (len(here), here.fps) == (len(there), there.fps)
    for indices in ([0], [39], [3, 4, 5, 6], list(range(2, 40, 2)), [7, 1, 7]):
        chosen = np.array(indices)
        np.testing.assert_array_equal(here.read(chosen), there.read(chosen))


def test_frames_can_be_held_longer_than_their_video(tmp_path, decoder):
    path = make_video(tmp_path / 'a.mp4')
    frames = list(decoder.open_video(path).read_unconverted())
    expected = list(VideoFile(path).read())
    for which in (5, 11, 0):
        np.testing.assert_array_equal(frames[which].whole(), expected[which])


def test_closed_videos_give_no_pixels_and_can_be_read_again(tmp_path, decoder):
    video = decoder.open_video(make_video(tmp_path / 'a.mp4'))
    frame = next(video.read_unconverted())
    gc.collect()
    video.close()
    with pytest.raises(DataError, match=r"a.mp4' was closed"):
        frame.whole()
    assert sum(1 for _ in video.read()) == 12


def test_two_videos_and_two_readings_go_on_together(tmp_path, decoder):
    paths = [make_video(tmp_path / f'{n}.mp4', num_frames=n) for n in (8, 9)]
    videos = [decoder.open_video(path) for path in paths]
    readings = [video.read() for video in (*videos, *videos)]
    expected = [list(VideoFile(path).read()) for path in paths] * 2
    for index in range(8):
        for reading, frames in zip(readings, expected, strict=True):
            np.testing.assert_array_equal(next(reading), frames[index])


def test_a_reading_that_is_left_early_can_begin_again(tmp_path, decoder):
    video = decoder.open_video(make_video(tmp_path / 'a.mp4'))
    expected = list(VideoFile(video.path).read())
    process = video._idle
    for _ in range(3):
        for index, frame in enumerate(video.read_unconverted()):
            np.testing.assert_array_equal(frame.whole(), expected[index])
            assert len(process.dropped) <= 1  # others are not kept
            if index == 2:
                break
    assert video._idle is process  # the same one served all


def test_threads_can_share_a_decoder(tmp_path, decoder):
    path = make_video(tmp_path / 'a.mp4', num_frames=30)
    expected = np.stack(list(VideoFile(path).read()))
    results = {}

    def read(which):
        results[which] = np.stack(list(decoder.open_video(path).read()))

    threads = [threading.Thread(target=read, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for which in range(4):
        np.testing.assert_array_equal(results[which], expected)


CRASHED = r'its decoder crashed or ran out of memory \(%s\)'
DEATHS = [
    ('segfault', CRASHED % 'SIGSEGV'),
    ('abort', CRASHED % 'SIGABRT'),
    ('killed', CRASHED % 'SIGKILL'),
    ('leaves', CRASHED % 'exit code 127'),  # glibc's, without thread-local memory
    # A C library may fail to get memory before Python does, and end the process.
    ('eats', f'(its decoder needed more than 0.25 GiB of memory|{CRASHED % ".*"})'),
    ('raises', r'cannot be decoded: IndexError: list index out of range'),
]


@pytest.mark.parametrize(('stem', 'message'), DEATHS)
def test_what_a_decoder_dies_of_costs_its_video(tmp_path, treacherous, stem, message):
    message = f"^video file '.*{stem}.mp4'.*{message}$"
    good = treacherous.open_video(make_named(tmp_path, 'good'))
    reading = good.read()
    next(reading)
    video = treacherous.open_video(make_named(tmp_path, stem))
    frames = []
    with pytest.raises(DataError, match=message):
        frames.extend(video.read())
    assert len(frames) <= HARMLESS_FRAMES
    reader = treacherous.open_reader(str(video.path))
    assert reader.read(np.array([0])).shape == (1, 64, 64, 3)
    with pytest.raises(DataError, match=message):
        reader.read(np.arange(12))
    assert sum(1 for _ in reading) == 11
    assert sum(1 for _ in good.read()) == 12


def test_a_decoder_that_hangs_is_ended(tmp_path):
    limits = DecodingLimits(stall_seconds=0.5)
    decoder = IsolatedDecoder(limits, make_decoder=TreacherousDecoder)
    path = make_named(tmp_path, 'hangs')
    # On a busy machine already the process may need longer to start.
    with pytest.raises(DataError, match=r'hangs.mp4.*gave no answer for 0.5\d* s and'):
        list(decoder.open_video(path).read())


def test_what_a_decoder_prints_disturbs_nobody(tmp_path, treacherous):
    video = treacherous.open_video(make_named(tmp_path, 'talks'))
    assert sum(1 for _ in video.read()) == 12


def test_a_fork_server_that_dies_is_replaced(tmp_path, treacherous):
    path = make_named(tmp_path, 'good')
    treacherous.open_video(path).close()
    os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
    assert sum(1 for _ in treacherous.open_video(path).read()) == 12


def test_broken_files_are_refused_in_the_words_of_decoding_here(tmp_path, decoder):
    good = make_video(tmp_path / 'good.mp4')
    (tmp_path / 'empty.mp4').touch()
    (tmp_path / 'text.mp4').write_text('no video')
    (tmp_path / 'cut.mp4').write_bytes(good.read_bytes()[:-400])
    for name in ('empty', 'text', 'cut', 'missing'):
        path = tmp_path / f'{name}.mp4'
        errors = []
        for opener in (VideoFile, decoder.open_video):
            with pytest.raises((DataError, DataNotFoundError)) as caught:
                list(opener(path).read())
            errors.append(caught.value)
        assert str(errors[0]) == str(errors[1])
        assert type(errors[0]) is type(errors[1])


def test_relative_paths_and_odd_names_are_found(tmp_path, decoder, monkeypatch):
    good = make_video(tmp_path / 'good.mp4')
    odd = os.fsdecode(b'a \xff"\n.mp4')
    shutil.copy(good, tmp_path / odd)
    monkeypatch.chdir(tmp_path)
    assert decoder.open_video('good.mp4').num_packets == 12
    assert sum(1 for _ in decoder.open_video(odd).read()) == 12


def is_running(pid):
    try:
        return Path(f'/proc/{pid}/stat').read_text().split(') ')[1][0] not in 'ZX'
    except OSError:
        return False


def wait_until(claim):
    for _ in range(300):
        if claim():
            return True
        time.sleep(0.1)
    return False


def test_a_process_ends_with_its_video(tmp_path, decoder):
    video = decoder.open_video(make_video(tmp_path / 'a.mp4'))
    pid = video._idle.process.pid
    assert is_running(pid)
    del video
    gc.collect()
    assert wait_until(lambda: not is_running(pid))


# No main guard: the script must not be run again in the children.
OWNER = """
import sys
from multiprocessing import forkserver
from stubs.stub_decoders import TreacherousDecoder
from mmdeepfake.video.isolation.isolated_video import IsolatedDecoder
decoder = IsolatedDecoder(make_decoder=TreacherousDecoder)
video = decoder.open_video(sys.argv[1])
print(video._idle.process.pid, forkserver._forkserver._forkserver_pid, flush=True)
list(video.read())
"""


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_their_parent(tmp_path, number):
    path = make_named(tmp_path, 'hangs')
    # Without what only training needs, the package is imported in no time.
    light = tmp_path / 'light/mmdeepfake/__init__.py'
    light.parent.mkdir(parents=True)
    light.write_text(f'__path__ = [{str(PACKAGE)!r}]')
    (tmp_path / 'owner.py').write_text(OWNER)
    paths = [str(light.parents[1]), *filter(None, sys.path)]
    owner = subprocess.Popen(
        [sys.executable, str(tmp_path / 'owner.py'), str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)},
        # A shell's background processes, and so their children, ignore SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        text=True,
    )
    with owner.stdout:
        pids = [int(word) for word in owner.stdout.readline().split()]
    assert len(pids) == 2
    # Python drops a Ctrl-C that comes while an object ends; people press again.
    for _ in range(60):
        owner.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            assert owner.wait(1) != 0
            break
    else:
        pytest.fail('it was not ended by the signal')
    for pid in pids:
        assert wait_until(lambda pid=pid: not is_running(pid))


def test_ctrl_c_ends_the_decoder_that_was_asked(tmp_path, decoder, monkeypatch):
    video = decoder.open_video(make_video(tmp_path / 'a.mp4'))
    process = video._idle

    def interrupt(*anything):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MessageChannel, 'receive', interrupt)
        with pytest.raises(KeyboardInterrupt):
            list(video.read())
    assert not process.process.is_open
    assert sum(1 for _ in video.read()) == 12


def pack(text, num_bytes=0):
    return struct.pack('>II', len(text), num_bytes) + text


def answer(**fields):
    return pack(json.dumps(fields).encode())


GOOD = dict.fromkeys(FACTS) | dict(
    height=4, width=6, fps=25.0, times_seconds=[], notes=[], num_packets=2
)
NEXT = dict(frame=0, height=4, width=6, is_bt709=False)
LIES = [
    pack(b'no JSON'),
    pack(b'[' * 100_000),
    pack(b'[1]'),
    struct.pack('>II', 1 << 31, 0),
    answer(**GOOD | {'height': -4}),
    answer(**GOOD | {'height': 1 << 20, 'width': 1 << 20}),
    answer(**GOOD | {'height': '4'}),
    answer(**GOOD | {'fps': float('nan')}),
    answer(**GOOD | {'times_seconds': ['0']}),
    answer(**GOOD | {'notes': 'one'}),
    answer(**{key: value for key, value in GOOD.items() if key != 'width'}),
    pack(json.dumps(GOOD).encode(), 1 << 30),
    answer(**GOOD) + answer() + answer(**NEXT | {'frame': -1}),
    answer(**GOOD) + answer() + answer(**NEXT | {'width': 0}),
    answer(**GOOD) + answer() + answer(**NEXT | {'is_bt709': 1}),
    answer(**GOOD) + answer() + answer(end=[1]),
]
# Ahead of the pixels of the first frame, which is 4 x 6.
FRAME = answer(**GOOD) + answer() + answer(**NEXT)
LIES += [
    FRAME + answer_pixels
    for answer_pixels in (
        pack(b'{"shape": [4, 6, 3]}', 71),
        pack(b'{"shape": [4, 6, 3]}', 1 << 31),
        pack(b'{"shape": [40, 60, 3]}', 7200),
        pack(b'{"shape": [4, 6, 4]}', 96),
        pack(b'{"shape": null}', 72),
        pack(b'{}', 72),
    )
]


def open_liar(path, said, **limits):
    """Open a video whose decoder has sent all its answers before it is asked."""

    def start(path):
        process = SupervisedProcess(say, said)
        return DecoderProcess(path, DecodingLimits(**limits), process)

    return IsolatedVideo(path, start)


@pytest.mark.parametrize('said', LIES)
def test_a_decoder_that_lies_is_not_believed(tmp_path, said):
    with pytest.raises(DataError, match=r"lies.mp4'.*an answer that makes no sense"):
        list(open_liar(tmp_path / 'lies.mp4', said).read())


def test_a_decoder_that_tells_the_truth_is_believed(tmp_path):
    pixels = bytes(range(72))
    said = FRAME + pack(b'{"shape": [4, 6, 3]}', 72) + pixels
    frame = next(open_liar(tmp_path / 'a.mp4', said).read())
    assert frame.shape == (4, 6, 3) and frame.tobytes() == pixels


@pytest.mark.parametrize(
    'said', [FRAME + pack(b'{"shape": [4, 6, 3]}', 72) + bytes(71), FRAME + b'\0']
)
def test_a_decoder_that_hangs_within_an_answer_is_ended(tmp_path, said):
    video = open_liar(tmp_path / 'a.mp4', said, stall_seconds=2)
    with pytest.raises(DataError, match=r'gave no answer for 2 s'):
        next(video.read())


def test_limits_grow_with_the_file_and_refuse_nonsense(tmp_path):
    path = tmp_path / 'large.mp4'
    with open(path, 'wb') as file:
        file.truncate(500_000_000)
    limits = DecodingLimits(stall_seconds=30)
    assert limits.seconds_for_file(path) == 130
    assert limits.seconds_for_file(tmp_path / 'gone') == 30
    assert limits.seconds_for_frames(200) == 40
    for name in ('stall_seconds', 'memory_bytes'):
        with pytest.raises(ConfigError, match=f'{name}=0; allowed is a number above 0'):
            DecodingLimits(**{name: 0})


def test_the_end_of_a_process_is_described():
    assert describe_exit(None) == 'it closed its connection'
    assert describe_exit(-signal.SIGBUS) == 'SIGBUS'
    assert describe_exit(-40) == 'signal 40'


def test_time_in_which_the_supervisor_is_stopped_does_not_count(monkeypatch):
    now = 100.0
    monkeypatch.setattr(supervised_process.time, 'monotonic', lambda: now)
    stopwatch = Stopwatch()
    now += LOOK_SECONDS
    assert stopwatch.look() == LOOK_SECONDS
    now += 900  # it was stopped, or the machine slept
    assert stopwatch.look() == 3 * LOOK_SECONDS
    stopwatch.restart()
    assert stopwatch.look() == 0
