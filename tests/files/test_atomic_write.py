import errno
import os
import stat

import cv2
import numpy as np
import pytest

from mmdeepfake.errors import DataError, InputError, OutputError
from mmdeepfake.files.array_file import write_array, write_arrays
from mmdeepfake.files.atomic_write import (
    describe_disk_error,
    name_output_in_errors,
    output_error,
    replace_bytes,
    replace_text,
    replacing,
)
from mmdeepfake.files.image_file import replace_image


def os_error(number, *names):
    return OSError(number, os.strerror(number), *names)


def test_file_is_written_with_its_folder_and_nothing_else(tmp_path):
    replace_text(tmp_path / 'a/b/c.txt', 'é\n')
    assert (tmp_path / 'a/b/c.txt').read_bytes() == b'\xc3\xa9\n'
    assert [path.name for path in (tmp_path / 'a/b').iterdir()] == ['c.txt']


@pytest.mark.parametrize('alone', [True, False])
def test_error_in_the_block_leaves_the_old_file_alone(tmp_path, alone):
    path = tmp_path / 'a.bin'
    path.write_bytes(b'old')
    with pytest.raises(ZeroDivisionError), replacing(path, alone=alone) as temporary:
        temporary.write_bytes(b'half')
        raise ZeroDivisionError
    assert path.read_bytes() == b'old'
    assert [path.name for path in tmp_path.iterdir()] == ['a.bin']


def test_temporary_name_lies_beside_and_ends_as_asked(tmp_path):
    with replacing(tmp_path / 'x.onnx', suffix='.onnx') as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.startswith('.x.onnx.')
        assert temporary.name.endswith('.tmp.onnx')
        temporary.write_bytes(b'')


def test_name_is_the_same_each_time_for_who_is_alone(tmp_path):
    left = tmp_path / '.a.tmp'
    left.write_bytes(b'what a killed run left')
    replace_bytes(tmp_path / 'a', b'new', alone=True)
    assert not left.exists()


def test_link_is_followed_and_stays(tmp_path):
    (tmp_path / 'real').mkdir()
    link = tmp_path / 'link.txt'
    link.symlink_to('real/file.txt')
    replace_text(link, 'new')
    assert link.is_symlink()
    assert (tmp_path / 'real/file.txt').read_text() == 'new'


def test_folder_device_and_missing_part_are_refused(tmp_path):
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'file').write_text('')
    with pytest.raises(OutputError, match='a folder has that name; choose another'):
        replace_text(tmp_path / 'folder', '')
    with pytest.raises(OutputError, match='a part of the path is a file; choose'):
        replace_text(tmp_path / 'file/x/a.txt', '')
    with pytest.raises(OutputError, match='a file has the name of the folder'):
        replace_text(tmp_path / 'file/a.txt', '')
    with pytest.raises(OutputError, match=r'no regular file; choose another name'):
        replace_text('/dev/null', '')
    assert stat.S_ISCHR(os.stat('/dev/null').st_mode)


def test_name_that_is_too_long_is_said(tmp_path):
    with pytest.raises(OutputError, match=r'File name too long.*choose a shorter'):
        replace_text(tmp_path / ('x' * 250), '')


@pytest.mark.parametrize(
    ('number', 'advice'),
    [
        (errno.ENOSPC, 'No space left on device.*make room there'),
        (errno.EDQUOT, 'quota'),
        (errno.EFBIG, 'ulimit'),
        (errno.EROFS, 'Read-only file system.*choose a folder'),
    ],
)
def test_full_disk_names_the_file_and_what_to_do(tmp_path, number, advice):
    path = tmp_path / 'a.txt'
    with pytest.raises(OutputError, match=f'{path}.*cannot be written.*{advice}') as e:
        with name_output_in_errors(path):
            raise os_error(number)  # as a write does: without a name
    assert e.value.errno == number  # who asks for it still gets it
    assert isinstance(e.value, InputError | OSError)


def test_fault_of_another_file_is_raised_as_it_is(tmp_path):
    for name in (tmp_path / 'other.mp4', tmp_path.parent / 'in.csv'):
        for number in (errno.ENOENT, errno.EACCES):
            with (
                pytest.raises(OSError) as caught,
                name_output_in_errors(tmp_path / 'a.txt'),
            ):
                raise os_error(number, str(name))
            assert not isinstance(caught.value, OutputError)
    with pytest.raises(OutputError), name_output_in_errors(tmp_path):
        raise os_error(errno.EACCES, str(tmp_path / 'deep/in.csv'))


def test_message_of_any_operation_names_its_file():
    told = describe_disk_error(os_error(errno.EACCES, 'a/b'))
    assert told.startswith("'a/b' cannot be read or written: Permission denied; choose")
    assert 'a file cannot be' in describe_disk_error(os_error(errno.ENOSPC))
    for number in (errno.ENOENT, errno.ECONNRESET, errno.EPIPE):
        assert describe_disk_error(os_error(number)) is None


def test_unknown_error_is_told_too():
    assert 'see to it' in str(output_error('x', os_error(errno.EBUSY)))


def test_arrays_come_back(tmp_path):
    values = np.arange(6.0).reshape(2, 3)
    write_array(tmp_path / 'a.npy', values)
    write_arrays(tmp_path / 'b.npz', {'one': values, 'two': values[0]})
    np.testing.assert_array_equal(np.load(tmp_path / 'a.npy'), values)
    with np.load(tmp_path / 'b.npz') as arrays:
        assert arrays.files == ['one', 'two']
        np.testing.assert_array_equal(arrays['two'], values[0])


def test_picture_keeps_its_colours(tmp_path):
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[..., 0] = 200
    replace_image(tmp_path / 'red.png', picture)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'red.png'))[0, 0],
                                  [0, 0, 200])  # fmt: skip
    with pytest.raises(DataError, match=r"no format has the suffix '\.xyz'"):
        replace_image(tmp_path / 'red.xyz', picture)
    assert [path.name for path in tmp_path.iterdir()] == ['red.png']
