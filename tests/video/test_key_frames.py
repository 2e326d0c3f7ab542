import av
import pytest
from builders import make_frame, make_video, read_index
from preparation_builders import encode

from mmdeepfake.video.decord_reader import VideoFileReader
from mmdeepfake.video.frame_sources import VideoFile
from mmdeepfake.video.key_frames import has_true_key_frames


def are_true(path):
    with av.open(str(path)) as container:
        return has_true_key_frames(container.streams.video[0], path)


@pytest.mark.parametrize('gop', [1, 4, 12])
def test_key_frames_of_a_sound_video_are_true(tmp_path, gop):
    assert are_true(make_video(tmp_path / 'a.mp4', num_frames=12, gop=gop))


def test_open_groups_begin_with_true_key_frames(tmp_path):
    frames = [make_frame(index) for index in range(24)]
    options = {'x264-params': 'open-gop=1:bframes=2:keyint=6:min-keyint=6'}
    path = encode(tmp_path / 'a.mp4', frames, options=options)
    with av.open(str(path)) as container:
        entries = container.streams.video[0].index_entries
        assert 1 < sum(entry.is_keyframe for entry in entries) < 24
    assert are_true(path)


@pytest.mark.parametrize(('codec', 'suffix'), [('mpeg4', 'mp4'), ('mjpeg', 'mov')])
def test_nothing_is_sought_where_all_are_called_key_frames(tmp_path, codec, suffix):
    frames = [make_frame(index) for index in range(6)]
    pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
    path = encode(tmp_path / f'a.{suffix}', frames, codec=codec, pix_fmt=pix_fmt)
    path.write_bytes(path.read_bytes().replace(b'stss', b'free'))
    assert not are_true(path)


def test_damaged_jpeg_among_others_is_not_given_as_its_neighbour(tmp_path):
    frames = [make_frame(index) for index in range(6)]
    path = encode(tmp_path / 'a.mov', frames, codec='mjpeg', pix_fmt='yuvj420p')
    with av.open(str(path)) as container:
        entry = container.streams.video[0].index_entries[3]
    content = bytearray(path.read_bytes())
    middle = entry.pos + entry.size // 2
    content[middle : middle + 20] = bytes(byte ^ 255 for byte in content[middle:][:20])
    path.write_bytes(content)
    in_order = list(VideoFile(path).read())
    sought = VideoFileReader(str(path)).read([2, 3])
    assert len(in_order) == 6
    assert (sought == in_order[2:4]).all() and (sought[0] != sought[1]).any()


def test_lost_table_of_key_frames_gives_no_other_frames(tmp_path):
    path = make_video(tmp_path / 'a.mp4', num_frames=12, gop=6, bframes=0)
    path.write_bytes(path.read_bytes().replace(b'stss', b'free'))
    assert not are_true(path)
    frames = VideoFileReader(str(path)).read([11, 3, 7])
    assert [read_index(frame) for frame in frames] == [11, 3, 7]
    assert len(list(VideoFile(path).read())) == 12
