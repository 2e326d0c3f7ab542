"""Every frame is the frame that was asked for, whatever the file."""

import gc
import os
from fractions import Fraction

import av
import numpy as np
import pytest
from builders import make_frame, make_video, read_index
from fault_builders.container_fields import list_fields, list_parts
from fault_builders.odd_videos import ODD_VIDEOS, make_odd_file
from preparation_builders import encode

from mmdeepfake.datasets.file_check import open_video
from mmdeepfake.errors import DataError
from mmdeepfake.video import video_reader
from mmdeepfake.video.frame_sources import VideoFile
from mmdeepfake.video.isolation.isolated_video import shared_decoder
from mmdeepfake.video.local_decoding import LocalDecoder
from mmdeepfake.video.source_frames import DecodedFrame
from mmdeepfake.video.video_reader import VideoFileReader

NUM_FRAMES = 40
ORDERS = ([39], [7, 8, 9, 33, 34], [20, 3, 20], [11], [12], [13])
X264 = {'scenecut': '0', 'b-adapt': '0', 'keyint': '12', 'min-keyint': '12'}
X265 = {'log-level': '0', 'pools': '1', 'frame-threads': '1', 'keyint': '12'}


def pack(options, **more):
    return ':'.join(f'{name}={value}' for name, value in {**options, **more}.items())


CODINGS = {
    'closed': ('libx264', {'x264-params': pack(X264, bframes=2)}),
    'open': ('libx264', {'x264-params': pack(X264, bframes=2, **{'open-gop': 1})}),
    'refresh': (
        'libx264',
        {'x264-params': pack(X264, bframes=0, **{'intra-refresh': 1})},
    ),
    'one_group': ('libx264', {'g': '250', 'bf': '2'}),
    'intra': ('libx264', {'g': '1'}),
    'x265': ('libx265', {'x265-params': pack(X265)}),
    'x265_closed': ('libx265', {'x265-params': pack(X265, **{'open-gop': 0})}),
    'mpeg4': ('mpeg4', {'g': '12', 'bf': '2'}),
    'mjpeg': ('mjpeg', {}),
}
# How many of the frames after the first can be begun at, for the codings above.
NUM_ENTRIES = {'closed': 3, 'intra': 39, 'x265_closed': 3}


def make(path, coding, **more):
    codec, options = CODINGS[coding]
    pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
    frames = (make_frame(index) for index in range(NUM_FRAMES))
    return encode(path, frames, codec=codec, pix_fmt=pix_fmt, options=options, **more)


def assert_true(path, numbers=range(NUM_FRAMES)):
    """Compare reading anywhere with reading in sequence, and with the numbers."""
    every = list(VideoFile(path).read())
    num_frames = len(every)
    if numbers is not None:
        assert [read_index(frame) for frame in every] == list(numbers)
    reader = VideoFileReader(path)
    assert len(reader) == num_frames == open_video(path).num_frames
    for order in (*ORDERS, *([i] for i in range(num_frames))):
        order = [index % num_frames for index in order]
        frames = reader.read(np.array(order))
        np.testing.assert_array_equal(frames, [every[index] for index in order])
    for wanted in (num_frames - 1, num_frames // 2):  # by a reader that read nothing
        reader.close()
        reader = VideoFileReader(path)
        (frame,) = reader.read(np.array([wanted]))
        np.testing.assert_array_equal(frame, every[wanted])
    reader.close()
    return reader._index


@pytest.mark.parametrize(
    ('coding', 'suffix'),
    [
        *((coding, 'mp4') for coding in CODINGS),
        *(
            (coding, suffix)
            for coding in ('closed', 'open')
            for suffix in ('mkv', 'ts')
        ),
    ],
)
def test_frames_are_those_asked_for(tmp_path, coding, suffix):
    index = assert_true(make(tmp_path / f'a.{suffix}', coding))
    entries = {index.entry_before(number) for number in range(NUM_FRAMES)}
    assert len(entries) == 1 + NUM_ENTRIES.get(coding, 0)
    assert index._keys or not NUM_ENTRIES.get(coding)  # none was found to be a lie


@pytest.mark.parametrize(
    ('coding', 'suffix', 'start'),
    [
        ('closed', 'mp4', 0),
        ('closed', 'mkv', 5000),
        ('open', 'mp4', 5000),
        ('x265', 'mkv', 0),
        ('x265_closed', 'mp4', 5000),
    ],
)
def test_a_varying_rate_and_a_late_start_change_nothing(
    tmp_path, coding, suffix, start
):
    gaps = np.random.default_rng(0).integers(5, 300, NUM_FRAMES)
    pts = (start + np.cumsum(gaps)).tolist()
    assert_true(make(tmp_path / f'a.{suffix}', coding, pts=pts, fps=1000))


def rewrite(path, name, value, *, every=True):
    """Write a number over fields of a container."""
    content = bytearray(path.read_bytes())
    fields = [field for field in list_fields(content) if field.name == name]
    assert fields
    for field in fields if every else fields[:1]:
        new = value(int.from_bytes(content[field.offset :][: field.width], 'big'))
        content[field.offset : field.offset + field.width] = new.to_bytes(
            field.width, 'big'
        )
    path.write_bytes(content)


@pytest.mark.parametrize('coding', ['closed', 'open', 'x265'])
def test_times_that_lie_mislead_nobody(tmp_path, coding):
    path = make(tmp_path / 'a.mp4', coding)
    # Half as long as shown: some times fall together, others are out of order, and
    # what seems to come before the start is not shown.
    rewrite(path, 'stts[].delta', lambda old: old // 2)
    assert_true(path, None)
    path = make(tmp_path / 'b.mp4', coding)
    rewrite(path, 'ctts[].frames', lambda old: old + 1, every=False)
    assert_true(path, None)


def test_an_edit_list_that_begins_within_a_group_is_followed(tmp_path):
    path = make(tmp_path / 'a.mp4', 'closed')
    rewrite(path, 'elst[].start', lambda old: old + 5 * 512)
    assert_true(path, range(5, NUM_FRAMES))


def test_edit_that_ends_early_hides_the_rest(tmp_path):
    (odd,) = [one for one in ODD_VIDEOS if one.name == 'short_edit.mp4']
    path = make_odd_file(odd, tmp_path)
    reader = VideoFileReader(path)
    assert len(reader) == 3
    np.testing.assert_array_equal(
        reader.read(np.arange(3)), list(VideoFile(path).read())
    )
    with pytest.raises(IndexError, match='has 3 frames; 0 to 5 were asked for'):
        reader.read(np.arange(6))


def test_wrong_hints_where_key_frames_lie_are_not_followed(tmp_path):
    path = make(tmp_path / 'a.mkv', 'closed')
    rewrite(path, 'CueClusterPosition', lambda old: 0x7F)
    assert_true(path)


def test_lost_table_of_key_frames_gives_no_other_frames(tmp_path):
    path = make(tmp_path / 'a.mp4', 'closed')
    path.write_bytes(path.read_bytes().replace(b'stss', b'free'))
    index = assert_true(path)
    entries = {index.entry_before(number) for number in range(NUM_FRAMES)}
    assert entries == {0, 12, 24, 36}  # what is coded tells more than the table


@pytest.mark.parametrize('suffix', ['mp4', 'webm'])
def test_av1_is_read_in_every_container(tmp_path, suffix, monkeypatch):
    monkeypatch.setenv('SVT_LOG', '0')
    path = encode(
        tmp_path / f'a.{suffix}',
        [make_frame(index) for index in range(9)],
        codec='libsvtav1',
        options={'preset': '12', 'crf': '20', 'svtav1-params': 'lp=1'},
    )
    assert_true(path, range(9))


def test_reading_forwards_goes_on_and_holds_one_frame(tmp_path, monkeypatch):
    path = make(tmp_path / 'a.mp4', 'one_group')
    made = []
    monkeypatch.setattr(
        'mmdeepfake.video.frame_decoder.DecodedFrame',
        lambda *arguments: made.append(1) or DecodedFrame(*arguments),
    )
    gc.collect()
    others = {id(one) for one in gc.get_objects() if type(one) is av.VideoFrame}
    gc.disable()  # frames must go by themselves: those of 4K are 12 MB each
    try:
        reader = VideoFileReader(path)
        for first in range(0, 32, 8):
            reader.read(np.arange(first, first + 8))
            assert len(made) == first + 8  # none ahead of those asked for, none twice
        alive = [
            one
            for one in gc.get_objects()
            if type(one) is av.VideoFrame and id(one) not in others
        ]
    finally:
        gc.enable()
    assert len(alive) <= 3  # the first, the one before, and the one that comes next
    del alive
    reader.close()
    assert read_index(reader.read(np.array([3]))[0]) == 3


def test_stream_that_ends_early_is_refused(tmp_path):
    path = make_video(tmp_path / 'a.ts', num_frames=12, bframes=0)
    content = path.read_bytes()
    # Frames before the next key frame cannot be decoded.
    path.write_bytes(content[len(content) // 3 :])
    reader = VideoFileReader(path)
    message = r"a\.ts': frame 5 of 9 was asked for, 5 can be decoded; the file is trunc"
    with pytest.raises(DataError, match=message):
        reader.read(np.arange(len(reader)))


def damage(path, numbers):
    with av.open(str(path)) as container:
        entries = list(container.streams.video[0].index_entries)
    content = bytearray(path.read_bytes())
    for number in numbers:
        at = entries[number].pos + entries[number].size // 3
        end = entries[number].pos + entries[number].size
        content[at:end] = np.random.default_rng(number).bytes(end - at)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize('coding', ['one_group', 'mpeg4', 'mjpeg'])
def test_damage_is_counted_and_too_much_of_it_refused(tmp_path, coding):
    suffix = 'mov' if coding == 'mjpeg' else 'mp4'
    path = damage(make(tmp_path / f'a.{suffix}', coding), [10, 20])
    video = VideoFile(path)
    assert len(list(video.read())) in (NUM_FRAMES, NUM_FRAMES - 2)
    assert any(note[:9] in ('1 frames ', '2 frames ') for note in video.notes)
    for opener in (LocalDecoder(), shared_decoder()):
        reader = opener.open_reader(str(path))
        reader.read(np.arange(NUM_FRAMES - 2))
        assert reader.notes == video.notes
        reader.close()
    path = damage(make(tmp_path / f'b.{suffix}', coding), range(1, 39, 3))
    message = r'of its 40 frames are damaged and \d+ missing so far; up to 5% may be'
    for read in (
        lambda: list(VideoFile(path).read()),
        lambda: VideoFileReader(path).read(np.arange(NUM_FRAMES)),
    ):
        with pytest.raises(DataError, match=message):
            read()


def test_numbers_of_frames_in_a_header_are_not_believed(tmp_path):
    path = make_video(tmp_path / 'a.avi', num_frames=9)
    content = path.read_bytes()
    at = content.index(b'strh') + 8 + 32  # dwLength of AVISTREAMHEADER
    path.write_bytes(content[:at] + b'\xff' * 4 + content[at + 4 :])
    assert_true(path, range(9))


def test_pictures_without_a_decoder_are_refused(tmp_path):
    path = make_video(tmp_path / 'a.mp4')
    path.write_bytes(path.read_bytes().replace(b'avc1', b'none'))
    with pytest.raises(DataError, match=r"a\.mp4': FFmpeg has no decoder for its"):
        VideoFileReader(path)


def test_any_name_is_that_of_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('pipe:0', os.fsdecode(b'latin\xe9.mp4')):
        os.rename(make_video(tmp_path / 'a.mp4', num_frames=3), name)
        frames = VideoFileReader(name).read(np.arange(3))
        assert [read_index(frame) for frame in frames] == [0, 1, 2]


def encode_disc(path, aspect):
    """Write a disc that is as wide as high if its pixels are shown as they should."""
    width = round(160 / aspect / 2) * 2
    x = (np.arange(width) + 0.5) * float(aspect) - 80
    y = np.arange(160) + 0.5 - 80
    frame = np.full((160, width, 3), 90, np.uint8)
    frame[x[None] ** 2 + y[:, None] ** 2 < 50**2] = 255
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=25)
        stream.width, stream.height, stream.pix_fmt = width, 160, 'yuv420p'
        stream.codec_context.sample_aspect_ratio = aspect
        container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize('aspect', [Fraction(2), Fraction(64, 45), Fraction(1, 2)])
def test_pixels_are_made_square_by_every_way_of_reading(tmp_path, aspect):
    path = encode_disc(tmp_path / 'a.mp4', aspect)
    video = VideoFile(path)
    (frame,) = video.read_unconverted()
    whole = frame.whole()
    assert whole.shape == (video.height, video.width, 3)
    white = whole.mean(2) > 170
    assert white.any(0).sum() == pytest.approx(white.any(1).sum(), rel=0.04)
    np.testing.assert_array_equal(VideoFileReader(path).read(np.array([0]))[0], whole)
    np.testing.assert_array_equal(frame.part((9, 8, 99, 70)), whole[8:70, 9:99])
    white = frame.reduced(video.height // 2, video.width // 2).mean(2) > 170
    assert white.any(0).sum() == pytest.approx(white.any(1).sum(), rel=0.06)
    assert [str(aspect) in note for note in video.notes] == [True]


@pytest.mark.parametrize(('aspect', 'is_noted'), [('1000/999', False), ('9', True)])
def test_nearly_square_and_absurd_pixels_are_left_alone(tmp_path, aspect, is_noted):
    video = VideoFile(encode_disc(tmp_path / 'a.mp4', Fraction(aspect)))
    assert (video.height, video.width) == (160, round(160 / Fraction(aspect) / 2) * 2)
    assert any('is not believed' in note for note in video.notes) == is_noted


@pytest.mark.parametrize(
    ('matrix', 'show'),
    [
        ((-1, 0, 0, 1), lambda frame: frame[:, ::-1]),
        ((1, 0, 0, -1), lambda frame: frame[::-1]),
        ((0, 1, 1, 0), lambda frame: frame.transpose(1, 0, 2)),
        ((0, -1, 1, 0), lambda frame: np.rot90(frame, 1)),
    ],
)
def test_mirrored_and_turned_pictures_are_shown_as_asked(tmp_path, matrix, show):
    path = encode(tmp_path / 'a.mp4', [make_frame(i, (64, 48)) for i in range(3)])
    as_coded = list(VideoFile(path).read())
    content = bytearray(path.read_bytes())
    (header,) = [part for part in list_parts(content) if part.name == 'tkhd']
    for place, value in zip((40, 44, 52, 56), matrix, strict=True):
        at = header.content + place
        content[at : at + 4] = (value << 16).to_bytes(4, 'big', signed=True)
    path.write_bytes(content)
    video = VideoFile(path)
    shown = [show(frame) for frame in as_coded]
    assert (video.height, video.width) == shown[0].shape[:2]
    np.testing.assert_array_equal(list(video.read()), shown)
    np.testing.assert_array_equal(VideoFileReader(path).read(np.arange(3)), shown)


@pytest.mark.parametrize('is_default', [True, False])
def test_default_and_largest_picture_stream_is_read(tmp_path, is_default):
    path = tmp_path / ('a.mp4' if is_default else 'a.mkv')
    with av.open(str(path), 'w') as container:
        small, large = (container.add_stream('libx264', rate=25) for _ in range(2))
        sizes = ((32, 32), (64, 64))
        for stream, size in zip((small, large), sizes, strict=True):
            stream.width, stream.height = size
            stream.pix_fmt = 'yuv420p'
        small.disposition = 0
        if is_default:
            large.disposition = av.stream.Disposition.default
        for index in range(6):
            for stream, size in zip((small, large), sizes, strict=True):
                frame = make_frame(index if stream is large else 0, size)
                picture = av.VideoFrame.from_ndarray(frame, format='rgb24')
                container.mux(stream.encode(picture))
        for stream in (small, large):
            container.mux(stream.encode())
    assert_true(path, range(6))
    video = VideoFile(path)
    assert (video.height, video.notes) == (
        64,
        ['it has 2 picture streams; number 1 is read, 64 x 64 pixels'],
    )


def test_what_is_read_as_it_is_is_noted(tmp_path):
    options = {'x264-params': 'tff=1:transfer=smpte2084:fullrange=on'}
    frames = [make_frame(index) for index in range(3)]
    path = encode(tmp_path / 'a.mp4', frames, options=options)
    text = '; '.join(VideoFile(path).notes)
    assert all(word in text for word in ('interlaced', 'HDR (PQ)', 'full range'))
    assert VideoFile(make_video(tmp_path / 'b.mp4')).notes == []


def test_the_file_is_opened_once_for_a_sample(tmp_path, monkeypatch):
    opened = []
    enter = video_reader.OpenVideo.__enter__
    monkeypatch.setattr(
        video_reader.OpenVideo,
        '__enter__',
        lambda self: opened.append(1) or enter(self),
    )
    reader = VideoFileReader(make(tmp_path / 'a.mp4', 'closed'))
    reader.read(np.array([1, 2, 14, 15, 38]))
    assert len(opened) == 1
