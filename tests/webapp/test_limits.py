"""The small parts: limits, first bytes, names, the private folder."""

from __future__ import annotations

import stat

import pytest
from builders import make_video

from mmdeepfake.errors import ConfigError
from mmdeepfake.webapp.limits import STATUS_OF, Limits, Refusal
from mmdeepfake.webapp.private_folder import PrivateFolder
from mmdeepfake.webapp.video_types import NUM_BYTES, is_video_start


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        (dict(max_megabytes=0), 'max_megabytes=0; allowed: above 0'),
        (dict(keep_minutes=-1), 'keep_minutes=-1; allowed: above 0'),
        (dict(job_seconds=float('nan')), 'job_seconds=nan; allowed: above 0'),
        (dict(max_seconds=float('inf')), 'max_seconds=inf; allowed: above 0'),
        (dict(queue=-1), 'queue=-1; allowed: 0 or more'),
    ],
)
def test_limit_that_limits_nothing_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        Limits(**values)


def test_every_refusal_has_a_status():
    assert all(Refusal(kind, '').status >= 400 for kind in STATUS_OF)


@pytest.mark.parametrize(
    ('head', 'is_video'),
    [
        (b'\x00\x00\x00\x14ftypqt  ', True),
        (b'\x00\x00\x00\x08wide', True),
        (b'\x1a\x45\xdf\xa3\x01', True),
        (b'RIFF\x00\x00\x00\x00AVI LIST', True),
        (b'G'.ljust(188, b'\xff') + b'G', True),
        (b'', False),
        (b'#EXTM3U\n', False),
        (b'ffconcat version 1.0', False),
        (b'RIFF\x00\x00\x00\x00WAVEfmt ', False),
        (b'G'.ljust(188, b'\xff') + b'H', False),
        (b'GIF89a', False),
        (b'<html><script>', False),
        (b'<?xml version="1.0"?><MPD>', False),
    ],
)
def test_videos_are_known_by_their_first_bytes(head, is_video):
    assert is_video_start(head) == is_video


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.avi', '.mov', '.ts'])
def test_what_ffmpeg_writes_is_known(tmp_path, suffix):
    path = tmp_path / f'a{suffix}'
    make_video(path, num_frames=2)
    assert is_video_start(path.read_bytes()[:NUM_BYTES])


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('clip.mp4', 'clip.mp4'),
        ('C:\\films\\clip.mp4', 'clip.mp4'),
        ('../../etc/passwd', 'passwd'),
        ('..', 'video'),
        ('', 'video'),
        ('a\x00\n\u202eb.mp4', 'ab.mp4'),
        ('\ud800.mp4', '?.mp4'),
        ('x' * 300 + '.mp4', 'x' * 107 + '...' + 'x' * 6 + '.mp4'),
    ],
)
def test_name_is_cut_to_what_can_be_shown(name, expected):
    pytest.importorskip('starlette', reason="the page needs the extra 'web'")
    from mmdeepfake.webapp.uploads import shorten_name

    assert shorten_name(name) == expected


def test_folder_is_private_and_goes(tmp_path):
    folder = PrivateFolder(tmp_path)
    room = folder.make_room('job1')
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(room.stat().st_mode) == 0o700
    folder.remove()
    folder.remove()
    assert not list(tmp_path.iterdir())


def test_only_what_a_killed_server_left_is_removed(tmp_path):
    running = PrivateFolder(tmp_path)
    killed = PrivateFolder(tmp_path)
    adopted = tmp_path / 'adopted by it'
    adopted.mkdir()
    killed.adopt(str(adopted))
    killed._lock.close()  # as the system does for a dead process
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    (elsewhere / 'lock').touch()
    (tmp_path / 'mmdeepfake-webapp-link').symlink_to(elsewhere)
    new = PrivateFolder(tmp_path)
    assert not adopted.exists()
    assert not killed.path.exists()
    assert running.path.exists()
    assert (elsewhere / 'lock').exists()
    running.remove()
    new.remove()
