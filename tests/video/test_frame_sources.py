"""Reading frames: every frame once and in order, whatever the file."""

import io
import tarfile

import av
import cv2
import decord
import numpy as np
import pytest
from builders import make_frame, make_frame_folder, make_video, read_index
from preparation_builders import draw_faces, encode

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.prepare.frame_archives import unpack_members
from mmdeepfake.video import container_opening
from mmdeepfake.video.frame_sources import (
    NumberedImages,
    VideoFile,
    find_x264_crf,
    open_frames,
)


def read_all(path):
    return np.stack(list(open_frames(path).read()))


def test_frames_are_those_of_decord_on_h264_with_b_frames(tmp_path):
    path = make_video(tmp_path / 'a.mp4', num_frames=40, gop=12, bframes=3)
    frames = read_all(path)
    assert [read_index(frame) for frame in frames] == list(range(40))
    with av.open(str(path)) as container:
        kinds = {frame.pict_type for frame in container.decode(video=0)}
    assert av.video.frame.PictureType.B in kinds
    reader = decord.VideoReader(str(path), num_threads=1)
    np.testing.assert_array_equal(frames, reader.get_batch(range(40)).asnumpy())


def test_a_second_reading_gives_the_same_frames(tmp_path):
    video = VideoFile(make_video(tmp_path / 'a.mp4'))
    first = list(video.read())
    np.testing.assert_array_equal(first, list(video.read()))


@pytest.mark.parametrize('degrees', [90, 180, -90])
def test_rotation_of_the_file_is_carried_out(tmp_path, degrees):
    frames = [draw_faces(i) for i in range(4)]
    plain = read_all(encode(tmp_path / 'plain.mp4', frames))
    turned = open_frames(encode(tmp_path / 'turned.mp4', frames, rotation=degrees))
    # FFmpeg's angle is counter-clockwise, as rot90's.
    expected = np.rot90(plain, degrees // 90, axes=(1, 2))
    assert (turned.height, turned.width) == expected.shape[1:3]
    np.testing.assert_array_equal(np.stack(list(turned.read())), expected)


@pytest.mark.parametrize(
    ('codec', 'pix_fmt', 'size'),
    [
        ('ffv1', 'yuv420p10le', (64, 48)),
        ('ffv1', 'gray', (64, 48)),
        ('ffv1', 'yuv444p', (65, 47)),
        ('ffv1', 'yuv420p', (65, 47)),
        ('mpeg4', 'yuv420p', (64, 48)),
        ('png', 'rgba', (64, 48)),
    ],
    ids=['ten_bit', 'grey', 'odd', 'odd_420', 'mpeg4', 'alpha'],
)
def test_any_pixels_become_rgb_of_eight_bits(tmp_path, codec, pix_fmt, size):
    shades = [40, 128, 220]
    frames = [np.full((size[1], size[0], 3), shade, np.uint8) for shade in shades]
    path = tmp_path / ('a.mov' if codec == 'png' else 'a.mkv')
    read = read_all(encode(path, frames, codec=codec, pix_fmt=pix_fmt))
    assert read.shape == (3, size[1], size[0], 3)
    assert read.dtype == np.uint8
    assert np.abs(read.mean((1, 2)) - np.array(shades)[:, None]).max() < 4


@pytest.mark.parametrize('scale', [2**32 - 1, 1, 0])
def test_rate_that_no_video_has_is_taken_for_unknown(tmp_path, scale):
    frames = [make_frame(i) for i in range(4)]
    path = encode(tmp_path / 'a.avi', frames, codec='mpeg4', fps=25)
    content = path.read_bytes()
    at = content.index(b'strh') + 8 + 20  # dwScale and dwRate of AVISTREAMHEADER
    rate = 2**31 if scale == 1 else 25
    told = scale.to_bytes(4, 'little') + rate.to_bytes(4, 'little')
    path.write_bytes(content[:at] + told + content[at + 8 :])
    video = VideoFile(path)
    assert video.fps is None or 1e-3 <= video.fps <= 1e5
    assert len(list(video.read())) == 4


def test_variable_rate_gives_each_frame_once_with_its_time(tmp_path):
    pts = [0, 40, 80, 200, 240, 600, 640, 680]
    frames = [make_frame(i) for i in range(8)]
    video = VideoFile(encode(tmp_path / 'a.mkv', frames, pts=pts, fps=1000))
    assert [read_index(frame) for frame in video.read()] == list(range(8))
    np.testing.assert_allclose(video.times_seconds, np.array(pts) / 1000, atol=2e-3)
    assert video.fps == pytest.approx(7 / 0.68, rel=0.01)


def test_constant_rate_tells_no_times(tmp_path):
    video = VideoFile(make_video(tmp_path / 'a.mp4', fps=30))
    assert (video.fps, video.times_seconds) == (30.0, [])


def test_path_may_hold_spaces_and_other_alphabets(tmp_path):
    path = make_video(tmp_path / 'été, 顔 100% #1/видео 1.mp4', num_frames=3)
    assert len(read_all(path)) == 3


def write_sound(path):
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('pcm_s16le', rate=8000, layout='mono')
        silence = np.zeros((1, 800), np.int16)
        sound = av.AudioFrame.from_ndarray(silence, format='s16', layout='mono')
        sound.rate = 8000
        container.mux(stream.encode(sound))
    return path


def cut_off(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def test_file_without_a_video_stream_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"'.*a\.wav' has no video stream"):
        VideoFile(write_sound(tmp_path / 'a.wav'))


def test_list_of_other_files_is_refused(tmp_path):
    make_video(tmp_path / 'a.mp4', num_frames=4)
    (tmp_path / 'b.mp4').write_text('ffconcat version 1.0\nfile a.mp4\n')
    with pytest.raises(DataError, match=r"'.*b\.mp4' holds no pictures but a list"):
        VideoFile(tmp_path / 'b.mp4')


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(DataNotFoundError, match='no video file'):
        VideoFile(tmp_path / 'a.mp4')


def test_empty_file_is_refused(tmp_path):
    (tmp_path / 'a.mp4').touch()
    with pytest.raises(DataError, match=r'is empty \(0 bytes\)'):
        VideoFile(tmp_path / 'a.mp4')


def test_text_under_a_videos_name_is_refused(tmp_path):
    (tmp_path / 'a.mp4').write_text('Not Found' * 100)
    with pytest.raises(DataError, match='cannot be opened: it is truncated or damaged'):
        VideoFile(tmp_path / 'a.mp4')


@pytest.mark.parametrize('share', [0.3, 0.97])
def test_truncated_file_is_refused_as_a_whole(tmp_path, share):
    path = cut_off(make_video(tmp_path / 'a.mp4', num_frames=60), share)
    with pytest.raises(DataError, match=r'is truncated: it has \d+ of \d+ bytes'):
        VideoFile(path)


def test_file_that_lost_its_index_is_refused(tmp_path):
    path = cut_off(encode(tmp_path / 'a.mp4', map(make_frame, range(30))), 0.7)
    with pytest.raises(DataError, match='truncated or damaged'):
        VideoFile(path)


def test_file_without_frames_is_refused(tmp_path):
    path = tmp_path / 'a.avi'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, 'yuv420p'
        container.start_encoding()
    with pytest.raises(DataError, match='has no frames; one is needed'):
        VideoFile(path)


def test_damage_in_the_middle_is_not_passed_over(tmp_path):
    path = make_video(tmp_path / 'a.mp4', num_frames=60, gop=60)
    content = bytearray(path.read_bytes())
    middle = slice(len(content) // 2, len(content) // 2 + 4000)
    content[middle] = bytes(len(content[middle]))
    path.write_bytes(content)
    with pytest.raises(DataError, match='cannot be decoded to its end'):
        list(VideoFile(path).read())


def test_file_whose_frames_change_their_size_is_refused(tmp_path):
    parts = [
        encode(
            tmp_path / f'{width}.h264', [make_frame(i, (width, 64)) for i in range(6)]
        )
        for width in (64, 96)
    ]
    path = tmp_path / 'both.h264'
    path.write_bytes(b''.join(part.read_bytes() for part in parts))
    with pytest.raises(
        DataError, match='frame 6 is 96 x 64 pixels, those before it 64'
    ):
        list(VideoFile(path).read())


def test_sound_makes_no_difference(tmp_path):
    path = tmp_path / 'talk.mkv'
    with av.open(str(path), 'w') as container:
        sound = container.add_stream('pcm_s16le', rate=8000, layout='mono')
        pictures = container.add_stream('ffv1', rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 64, 'yuv444p'
        for index in range(5):
            silence = np.zeros((1, 320), np.int16)
            block = av.AudioFrame.from_ndarray(silence, format='s16', layout='mono')
            block.rate = 8000
            container.mux(sound.encode(block))
            picture = av.VideoFrame.from_ndarray(make_frame(index), format='rgb24')
            container.mux(pictures.encode(picture))
        container.mux(pictures.encode())
    assert [read_index(frame) for frame in read_all(path)] == list(range(5))


def test_x264_settings_are_read_from_the_stream(tmp_path):
    frames = [make_frame(i) for i in range(3)]
    for crf in ('23', '40'):
        path = encode(tmp_path / f'{crf}.mp4', frames, options={'crf': crf})
        assert VideoFile(path).x264_crf == float(crf)
    lossless = encode(
        tmp_path / 'l.mp4', frames, options={'crf': '0'}, pix_fmt='yuv444p'
    )
    assert VideoFile(lossless).x264_crf == 0.0
    assert VideoFile(encode(tmp_path / 'm.mkv', frames, codec='ffv1')).x264_crf is None
    assert find_x264_crf(b'crf=23.0 of nobody') is None


def test_pictures_come_in_the_order_of_their_numbers(tmp_path):
    folder = make_frame_folder(tmp_path / 'a', 12, template='{}.png', first=95)
    pictures = open_frames(folder)
    assert [read_index(frame) for frame in pictures.read()] == list(range(12))
    assert (pictures.height, pictures.width, pictures.notes) == (64, 64, [])


def test_missing_numbers_are_noted_and_the_rest_follow_one_another(tmp_path):
    folder = make_frame_folder(tmp_path / 'a', 10, template='{}.png')
    (folder / '4.png').unlink()
    (folder / '5.png').unlink()
    pictures = NumberedImages(folder)
    assert [read_index(f) for f in pictures.read()] == [0, 1, 2, 3, 6, 7, 8, 9]
    assert pictures.notes == ['2 numbers are missing between the first and last']


def test_pictures_that_are_not_numbered_are_refused(tmp_path):
    folder = make_frame_folder(tmp_path / 'a', 2)
    (folder / '0000.png').rename(folder / 'face.png')
    with pytest.raises(
        DataError, match=r"face\.png': its name does not end in a number"
    ):
        NumberedImages(folder)


def test_two_pictures_of_one_number_are_refused(tmp_path):
    folder = make_frame_folder(tmp_path / 'a', 2)
    (folder / '0000.png').rename(folder / '1.png')
    with pytest.raises(DataError, match='have the same number'):
        NumberedImages(folder)


def test_pictures_of_two_sizes_are_refused(tmp_path):
    folder = make_frame_folder(tmp_path / 'a', 3)
    cv2.imwrite(str(folder / '0002.png'), np.zeros((32, 48, 3), np.uint8))
    with pytest.raises(DataError, match='is 48 x 32 pixels, the first one 64 x 64'):
        list(NumberedImages(folder).read())


@pytest.mark.parametrize('content', [b'', b'\x89PNG\r\n'])
def test_broken_picture_is_refused(tmp_path, content):
    folder = make_frame_folder(tmp_path / 'a', 3)
    (folder / '0001.png').write_bytes(content)
    with pytest.raises(
        DataError, match=r"0001\.png' is empty, truncated or no picture"
    ):
        list(NumberedImages(folder).read())


def test_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(DataError, match='holds no pictures'):
        NumberedImages(tmp_path)


def pack(path, names, content=b'x'):
    with tarfile.open(path, 'w:gz') as tar:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def test_only_the_wanted_folders_of_an_archive_are_unpacked(tmp_path):
    names = ['./1/fake/131/942.png', './1/fake/131/7.png', './1/fake/13/1.png']
    archive = pack(tmp_path / '1.tar.gz', [*names, './1/fake/131/readme.txt'])
    unpack_members(archive, {'1/fake/131': tmp_path / 'out'})
    assert sorted(p.name for p in (tmp_path / 'out').iterdir()) == ['7.png', '942.png']


def test_archive_that_names_files_outside_of_it_is_refused(tmp_path):
    archive = pack(tmp_path / '1.tar.gz', ['a/1.png', 'a/../../evil.png'])
    with pytest.raises(DataError, match=r"'a/../../evil.png', which leads"):
        unpack_members(archive, {'a': tmp_path / 'out/a'})
    assert not list(tmp_path.rglob('evil.png'))


@pytest.mark.parametrize('share', [0.5, 0.0])
def test_damaged_archive_is_refused(tmp_path, share):
    noise = np.random.default_rng(0).bytes(5000)
    path = pack(tmp_path / '1.tar.gz', ['a/1.png', 'a/2.png'], noise)
    with pytest.raises(DataError, match='truncated, damaged or not a tar archive'):
        unpack_members(cut_off(path, share), {'a': tmp_path / 'out'})


def test_frames_that_are_too_large_are_refused_by_the_headers(tmp_path, monkeypatch):
    monkeypatch.setattr(container_opening, 'MAX_FRAME_PIXELS', 1_000_000)
    path = make_video(tmp_path / 'a.mp4', num_frames=2, size=(1024, 1024))
    message = (
        "a.mp4': its frames are 1024 x 1024 pixels, 1.0 million; up to 1.0 million "
        'are read'
    )
    with pytest.raises(DataError, match=message):
        VideoFile(path)


def test_frames_that_grow_too_large_are_never_decoded(tmp_path, monkeypatch):
    parts = [make_video(tmp_path / f'{s}.h264', size=(s, s)) for s in (32, 256)]
    path = tmp_path / 'grows.h264'
    path.write_bytes(b''.join(part.read_bytes() for part in parts))
    with pytest.raises(DataError, match='all must have one size'):
        list(VideoFile(path).read())
    monkeypatch.setattr(container_opening, 'MAX_FRAME_PIXELS', 64 * 64)
    with pytest.raises(DataError, match='cannot be decoded to its end'):
        list(VideoFile(path).read())
