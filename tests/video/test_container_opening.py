"""A path is opened as a video file and as nothing else."""

import os

import pytest
from builders import make_frame_folder, make_video

from mmdeepfake.errors import DataError
from mmdeepfake.video.container_opening import check_video_file, open_container
from mmdeepfake.video.frame_sources import NumberedImages, VideoFile


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder that relative paths start from."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    'text',
    [
        '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\ntrap.ts\n#EXT-X-ENDLIST\n',
        "ffconcat version 1.0\nfile 'trap.ts'\n",
    ],
    ids=['hls', 'concat'],
)
def test_files_that_a_list_names_are_not_opened(tmp_path, text):
    # Whoever opens the pipe waits for ever.
    os.mkfifo(tmp_path / 'trap.ts')
    path = tmp_path / 'a.m3u8'
    path.write_text(text)
    with pytest.raises(DataError, match=r"a\.m3u8' holds no pictures but a list of"):
        VideoFile(path)


@pytest.mark.parametrize(
    'name', ['pipe:0', 'concat:a.mp4|b.mp4', 'file:a.mp4', 'http:/127.0.0.1:9/a.mp4']
)
def test_relative_name_is_no_address(here, name):
    os.renames(make_video(here / 'sound.mp4', num_frames=3), here / name)
    assert len(list(VideoFile(name).read())) == 3


def test_name_that_is_no_unicode_is_opened(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b'/latin\xe9.mp4')
    os.rename(make_video(tmp_path / 'a.mp4'), path)
    with open_container(path) as container:
        assert len(container.streams.video) == 1


@pytest.mark.parametrize(
    'make',
    [os.mkfifo, os.mkdir, lambda path: path.symlink_to('/dev/zero')],
    ids=['pipe', 'folder', 'device'],
)
def test_what_is_no_plain_file_is_refused_without_opening_it(tmp_path, make):
    make(tmp_path / 'a.mp4')
    with pytest.raises(DataError, match=r"a\.mp4' is a folder"):
        check_video_file(tmp_path / 'a.mp4')


def test_pipe_among_pictures_is_refused_without_opening_it(tmp_path):
    folder = make_frame_folder(tmp_path / 'a', num_frames=2)
    os.mkfifo(folder / '0002.png')
    with pytest.raises(DataError, match=r"0002\.png' is not a regular file"):
        list(NumberedImages(folder).read())
