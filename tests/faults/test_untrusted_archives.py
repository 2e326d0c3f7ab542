"""Archives that were made to do harm: refused by name, and nothing is written."""

import bz2
import gzip
import io
import os
import tarfile
import time

import pytest

from mmdeepfake.errors import DataError
from mmdeepfake.layouts import archive_members
from mmdeepfake.layouts.archive_members import read_members
from mmdeepfake.layouts.wild_deepfake import _list_members
from mmdeepfake.prepare.frame_archives import unpack_members

PICTURE = b'\x89PNG picture'
FOLDER = '1/real/131'


def entry(name, content=PICTURE, **fields):
    made = tarfile.TarInfo(name)
    made.size = len(content)
    for field, value in fields.items():
        setattr(made, field, value)
    return made, content


def write(path, *entries, pack=gzip.compress, form=tarfile.PAX_FORMAT):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w', format=form) as tar:
        for made, content in entries:
            tar.addfile(made, io.BytesIO(content))
    path.write_bytes(pack(buffer.getvalue()))
    return path


def link(name, target, kind=tarfile.SYMTYPE):
    return entry(name, b'', type=kind, linkname=target)


GOOD = entry(f'./{FOLDER}/1.png')
HOSTILE = {
    'traversal': (entry(f'{FOLDER}/../../../evil.png'), 'leads out of it'),
    'traversal by backslash': (entry('1\\..\\..\\evil.png'), 'leads out of it'),
    'absolute': (entry('/tmp/evil.png'), "'/tmp/evil.png', which leads out"),
    'drive': (entry('C:/evil.png'), 'leads out of it'),
    'link': (link(f'{FOLDER}/2.png', '/etc/passwd'), 'which is a link'),
    'link inside': (link(f'{FOLDER}/2.png', '1.png'), 'which is a link'),
    'hard link': (link(f'{FOLDER}/2.png', '/etc/passwd', tarfile.LNKTYPE), 'a link'),
    'device': (
        entry(f'{FOLDER}/2.png', b'', type=tarfile.CHRTYPE),
        'not a regular file',
    ),
    'block device': (entry('x.png', b'', type=tarfile.BLKTYPE), 'not a regular file'),
    'fifo': (
        entry(f'{FOLDER}/2.png', b'', type=tarfile.FIFOTYPE),
        'not a regular file',
    ),
    'twice': (GOOD, r"'1/real/131/1\.png' twice"),
    'nul': (
        entry('a', pax_headers={'path': f'{FOLDER}/a\0b.png'}),
        'leads out of it|damaged',
    ),
    'long name': (entry(f'{FOLDER}/{"x" * 300}.png'), 'more than 255 bytes'),
    'negative size': (
        entry(f'{FOLDER}/2.png', b'', pax_headers={'size': '-100000'}),
        'damaged|negative size',
    ),
    'sparse': (
        entry(
            f'{FOLDER}/2.png',
            pax_headers={
                'GNU.sparse.major': '0',
                'GNU.sparse.minor': '1',
                'GNU.sparse.map': f'{1 << 40},11',
                'GNU.sparse.size': str(1 << 41),
            },
        ),
        'not a regular file',
    ),
    'size of a header': (
        entry(f'{FOLDER}/2.png', pax_headers={'comment': 'x' * (2 << 20)}),
        'a header of more than 1048576 bytes',
    ),
}


@pytest.fixture
def small_limits(monkeypatch):
    monkeypatch.setattr(archive_members, '_FREE_BYTES', 1 << 20)
    monkeypatch.setattr(archive_members, 'MAX_FILE_BYTES', 1 << 18)
    monkeypatch.setattr(archive_members, 'MAX_MEMBERS', 50)


def refuse(path, message, tmp_path, most=2):
    """Both readers refuse the archive, naming it, and nothing but it was there."""
    with pytest.raises(DataError, match=message) as caught:
        unpack_members(path, {FOLDER: tmp_path / 'out'})
    assert str(path) in str(caught.value) and len(str(caught.value)) < 500
    with pytest.raises(DataError, match=message):
        _list_members(path)
    there = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob('*')}
    assert there <= {path.name, 'out', *(f'out/{i}.png' for i in range(most))}


@pytest.mark.parametrize('kind', HOSTILE)
def test_hostile_member_is_refused(tmp_path, kind):
    hostile, message = HOSTILE[kind]
    refuse(write(tmp_path / 'x.tar.gz', GOOD, hostile), message, tmp_path)


@pytest.mark.parametrize('pack', [gzip.compress, bz2.compress, bytes])
def test_plain_archive_is_unpacked(tmp_path, pack):
    path = write(tmp_path / 'x.tar', GOOD, entry(f'{FOLDER}/été.png'), pack=pack)
    unpack_members(path, {FOLDER: tmp_path / 'out'})
    assert {p.name for p in (tmp_path / 'out').iterdir()} == {'1.png', 'été.png'}
    assert (tmp_path / 'out/1.png').read_bytes() == PICTURE
    assert _list_members(path) == [FOLDER]


def test_name_in_other_bytes_than_utf8_is_kept(tmp_path):
    name = os.fsdecode(b'caf\xe9.png')
    made = entry(f'{FOLDER}/{name}')
    path = write(tmp_path / 'x.tar.gz', made, form=tarfile.GNU_FORMAT)
    unpack_members(path, {FOLDER: tmp_path / 'out'})
    assert os.listdir(os.fsencode(tmp_path / 'out')) == [b'caf\xe9.png']


def test_archive_of_zeros_is_not_unpacked(tmp_path, small_limits):
    zeros = bytes(200_000)
    bomb = [entry(f'{FOLDER}/{i}.png', zeros) for i in range(40)]
    message = 'from [0-9]+ bytes to [0-9]+ or more'
    refuse(write(tmp_path / 'x.tar.gz', *bomb), message, tmp_path, most=6)


def test_large_file_is_not_unpacked(tmp_path, small_limits):
    path = write(tmp_path / 'x.tar', entry('1/a.png', bytes(300_000)), pack=bytes)
    refuse(path, "'1/a.png' of 300000 bytes; the limit is 262144", tmp_path)


def test_many_members_are_not_read(tmp_path, small_limits):
    many = [entry(f'{i}', b'', type=tarfile.DIRTYPE) for i in range(60)]
    refuse(write(tmp_path / 'x.tar.gz', *many), 'in 51 files so far', tmp_path)


def test_claimed_size_is_not_believed(tmp_path):
    made, _ = entry('1/a.png')
    made.size = 1 << 40
    head = made.tobuf(tarfile.GNU_FORMAT)
    path = tmp_path / 'x.tar.gz'
    path.write_bytes(gzip.compress(head))
    refuse(path, f'to {(1 << 40) + 512} or more', tmp_path)


def test_headers_of_headers_are_refused(tmp_path):
    made, _ = entry('x', b'', type=tarfile.XHDTYPE)
    nested = made.tobuf(tarfile.GNU_FORMAT) * 1500
    path = tmp_path / 'x.tar.gz'
    path.write_bytes(gzip.compress(nested + bytes(10240)))
    refuse(path, 'damaged|header', tmp_path)


def test_bytes_without_end_behind_the_archive_are_refused(tmp_path):
    path = write(tmp_path / 'x.tar.gz', GOOD)
    path.write_bytes(path.read_bytes() + gzip.compress(bytes(8 << 20)))
    refuse(path, 'or data after its end', tmp_path)


@pytest.mark.parametrize('pack', [gzip.compress, bz2.compress, bytes])
def test_every_cut_is_reported(tmp_path, pack):
    whole = write(tmp_path / 'x', GOOD, entry(f'{FOLDER}/2.png', os.urandom(3000)))
    content = pack(gzip.decompress(whole.read_bytes()))
    # Of a plain one, the zeros at its end may be missing.
    last = 5100 if pack is bytes else len(content)
    for size in range(0, last, 97):
        path = tmp_path / 'cut'
        path.write_bytes(content[:size])
        lengths = {0, 1536, 5120} if pack is bytes else {0}
        if size in lengths:
            continue
        with pytest.raises(DataError, match='damaged or not a tar archive'):
            list(read_members(path, lambda name: True))


@pytest.mark.parametrize('at', [0, 100, 1024, 1030, 1200])
def test_damaged_header_is_not_taken_for_the_end(tmp_path, at):
    path = write(tmp_path / 'x.tar', GOOD, GOOD, pack=bytes, form=tarfile.USTAR_FORMAT)
    content = bytearray(path.read_bytes())
    content[at : at + 20] = b'\xff' * 20
    path.write_bytes(content)
    with pytest.raises(DataError):
        list(read_members(path, lambda name: True))


@pytest.mark.faults
def test_bomb_is_refused_at_the_limits_that_are_shown(tmp_path):
    """60 MB of zeros a file, packed 1000 to 1: 256 MiB are written, and no more."""
    bomb = [entry(f'{FOLDER}/{i}.png', bytes(60 << 20)) for i in range(8)]
    path = write(tmp_path / 'x.tar.gz', *bomb)
    begin = time.process_time()
    refuse(path, 'grows from', tmp_path, most=5)
    assert time.process_time() - begin < 60
