import os

import av
import pytest
from builders import make_frame
from layout_trees import touch

from mmdeepfake.errors import DataError
from mmdeepfake.files.media_files import is_video_name, walk_folders

# One of each kind that cameras and editors write: suffix -> (muxer, encoder).
CONTAINERS = {
    '.mpg': ('mpeg', 'mpeg2video'),
    '.MPEG': ('mpeg', 'mpeg1video'),
    '.vob': ('vob', 'mpeg2video'),
    '.ts': ('mpegts', 'libx264'),
    '.m2ts': ('mpegts', 'libx264'),
    '.mts': ('mpegts', 'libx264'),
    '.flv': ('flv', 'flv'),
    '.f4v': ('f4v', 'libx264'),
    '.wmv': ('asf', 'wmv2'),
    '.asf': ('asf', 'wmv2'),
    '.3gp': ('3gp', 'libx264'),
    '.ogv': ('ogv', 'libtheora'),
    '.gif': ('gif', 'gif'),
    '.mxf': ('mxf', 'mpeg2video'),
    '.h264': ('h264', 'libx264'),
    '.Mp4': ('mp4', 'libx264'),
}


@pytest.mark.parametrize('suffix', CONTAINERS)
def test_what_ffmpeg_opens_has_a_video_suffix(tmp_path, suffix):
    path = tmp_path / f'a{suffix}'
    muxer, encoder = CONTAINERS[suffix]
    if encoder not in av.codecs_available:
        pytest.skip(f'this FFmpeg has no {encoder}')
    with av.open(str(path), 'w', format=muxer) as container:
        stream = container.add_stream(encoder, rate=25)
        stream.width, stream.height = 176, 144  # all of them take it
        stream.pix_fmt = 'rgb8' if encoder == 'gif' else 'yuv420p'
        for index in range(3):
            image = av.VideoFrame.from_ndarray(
                make_frame(index, (176, 144)), format='rgb24'
            )
            container.mux(stream.encode(image.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        assert container.streams.video
    assert is_video_name(path.name)


@pytest.mark.parametrize('name', ['a.mp4.txt', 'mp4', 'a.png', 'a.json', 'a.mp3', ''])
def test_other_files_have_none(name):
    assert not is_video_name(name)


def walk(top):
    return {
        str(place.relative_to(top)): (list(folders), names)
        for place, folders, names in walk_folders(top)
    }


def test_links_are_followed_and_loops_end(tmp_path, caplog):
    top = tmp_path / 'in'
    touch(top / 'b/c.mp4', top / 'a.mp4', tmp_path / 'far/d.mp4')
    (top / 'far').symlink_to('../far')
    (top / 'b/back').symlink_to('..')
    (tmp_path / 'far/again').symlink_to('../in/b')
    (top / 'gone.mp4').symlink_to('nowhere')
    assert walk(top) == {
        '.': (['b', 'far'], ['a.mp4', 'gone.mp4']),
        'b': ([], ['c.mp4']),
        'far': ([], ['d.mp4']),
    }
    assert 'b/back' in caplog.text and 'far/again' in caplog.text


def test_hidden_entries_are_skipped_with_a_warning(tmp_path, caplog):
    touch(tmp_path / 'a.mp4', tmp_path / '.b.mp4', tmp_path / '.git/c.mp4')
    assert walk(tmp_path) == {'.': ([], ['a.mp4'])}
    assert '.b.mp4' in caplog.text and '.git' in caplog.text


def test_nothing_is_logged_where_nothing_is_skipped(tmp_path, caplog):
    touch(tmp_path / 'a/b.mp4')
    assert walk(tmp_path) == {'.': (['a'], []), 'a': ([], ['b.mp4'])}
    assert not caplog.text


def test_folder_that_cannot_be_read_is_an_error(tmp_path, monkeypatch):
    touch(tmp_path / 'a/b.mp4')
    scan = os.scandir

    def refuse(path):
        if os.fspath(path).endswith('/a'):
            raise PermissionError(13, 'Permission denied', os.fspath(path))
        return scan(path)

    monkeypatch.setattr(os, 'scandir', refuse)
    with pytest.raises(DataError, match="/a'"):
        list(walk_folders(tmp_path))
