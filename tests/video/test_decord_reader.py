"""decord gives the frames that a file has, or the file is refused."""

import os

import numpy as np
import pytest
from builders import make_video, read_index
from fault_builders.container_fields import list_fields
from fault_builders.odd_videos import ODD_VIDEOS, make_odd_file

from mmdeepfake.errors import DataError
from mmdeepfake.video.decord_reader import DecordReader, VideoFileReader
from mmdeepfake.video.frame_sources import VideoFile


def test_frames_that_cannot_be_decoded_are_not_replaced_by_others(tmp_path):
    # Of its six frames three are cut off by an edit list.
    (odd,) = [one for one in ODD_VIDEOS if one.name == 'short_edit.mp4']
    path = str(make_odd_file(odd, tmp_path))
    with pytest.raises(DataError, match='decord would show others in their place'):
        DecordReader(path).read(np.arange(6))
    assert len(VideoFileReader(path).read(np.arange(3))) == 3


def test_wrong_hints_where_key_frames_lie_are_not_followed(tmp_path):
    path = make_video(tmp_path / 'a.mkv', num_frames=12, gop=4, bframes=0)
    content = bytearray(path.read_bytes())
    hints = [f for f in list_fields(content) if f.name == 'CueClusterPosition']
    for hint in hints:
        content[hint.offset : hint.offset + hint.width] = b'\x7f' * hint.width
    assert hints
    path.write_bytes(content)
    frames = VideoFileReader(str(path)).read(np.array([11, 5, 6, 5]))
    assert [read_index(frame) for frame in frames] == [11, 5, 6, 5]


def test_frames_with_one_time_for_two_are_not_sought(tmp_path):
    path = make_video(tmp_path / 'a.mp4', num_frames=12, gop=6, bframes=2)
    content = bytearray(path.read_bytes())
    (delta,) = [f for f in list_fields(content) if f.name == 'stts[].delta']
    old = int.from_bytes(content[delta.offset : delta.offset + 4], 'big')
    # Frames are coded twice as fast as they are shown, so some times fall together.
    content[delta.offset : delta.offset + 4] = (old // 2).to_bytes(4, 'big')
    path.write_bytes(content)
    every = list(VideoFile(path).read())
    for wanted in ([1, 2, 3, 7, 8, 9], [11], [1, 2, 3, 7, 8, 9]):
        frames = VideoFileReader(str(path)).read(np.array(wanted))
        np.testing.assert_array_equal(frames, [every[i] for i in wanted])


def test_count_that_would_end_the_process_is_refused(tmp_path):
    path = make_video(tmp_path / 'a.avi', num_frames=9)
    content = path.read_bytes()
    at = content.index(b'strh') + 8 + 32  # dwLength of AVISTREAMHEADER
    path.write_bytes(content[:at] + b'\xff' * 4 + content[at + 4 :])
    message = r"a\.avi' \(\d+ bytes\) says that it has \d+ frames, more than it can"
    with pytest.raises(DataError, match=message):
        VideoFileReader(str(path))


def test_pictures_without_a_decoder_are_refused(tmp_path):
    path = make_video(tmp_path / 'a.mp4')
    path.write_bytes(path.read_bytes().replace(b'avc1', b'none'))
    with pytest.raises(DataError, match=r"a\.mp4': FFmpeg has no decoder for its"):
        VideoFileReader(str(path))


def test_relative_name_is_no_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.rename(make_video(tmp_path / 'a.mp4', num_frames=3), 'pipe:0')
    frames = VideoFileReader('pipe:0').read(np.arange(3))
    assert [read_index(frame) for frame in frames] == [0, 1, 2]


def test_name_that_is_no_unicode_is_refused(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b'/latin\xe9.mp4')
    os.rename(make_video(tmp_path / 'a.mp4'), path)
    with pytest.raises(DataError, match='whose name is not UTF-8; rename it'):
        VideoFileReader(path)
