import errno
import os
import stat

import cv2
import numpy as np
import pytest

from mmdeepfake.errors import DataError, OutputError
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


def test_temporary_file_is_in_the_same_folder_and_has_the_suffix(tmp_path):
    with replacing(tmp_path / 'x.onnx', suffix='.onnx') as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.startswith('.x.onnx.')
        assert temporary.name.endswith('.tmp.onnx')
        temporary.write_bytes(b'')


def test_leftover_of_a_killed_run_is_overwritten_where_alone(tmp_path):
    left = tmp_path / '.a.tmp'
    left.write_bytes(b'half')
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
    for path in ('folder', 'file/x/a.txt', 'file/a.txt', '/dev/null'):
        with pytest.raises(OutputError, match=f'{tmp_path / path}.*choose another'):
            replace_text(tmp_path / path, '')
    assert stat.S_ISCHR(os.stat('/dev/null').st_mode)


def test_too_long_name_is_reported(tmp_path):
    with pytest.raises(OutputError, match='File name too long'):
        replace_text(tmp_path / ('x' * 250), '')


@pytest.mark.parametrize(
    'number', [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS]
)
def test_error_of_the_disk_names_the_file_and_the_reason(tmp_path, number):
    path = tmp_path / 'a.txt'
    with pytest.raises(OutputError, match=f'{path}.*{os.strerror(number)}') as caught:
        with name_output_in_errors(path):
            raise os_error(number)  # like a write: without a name
    assert caught.value.errno == number


def test_error_about_another_file_is_raised_unchanged(tmp_path):
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
    message = describe_disk_error(os_error(errno.EACCES, 'a/b'))
    assert "'a/b'" in message and 'Permission denied' in message
    assert 'No space left' in describe_disk_error(os_error(errno.ENOSPC))
    for number in (errno.ENOENT, errno.ECONNRESET, errno.EPIPE):
        assert describe_disk_error(os_error(number)) is None


def test_error_without_advice_is_reported_too():
    assert 'busy' in str(output_error('x', os_error(errno.EBUSY)))


def test_arrays_come_back(tmp_path):
    values = np.arange(6.0).reshape(2, 3)
    write_array(tmp_path / 'a.npy', values)
    write_arrays(tmp_path / 'b.npz', {'one': values, 'two': values[0]})
    np.testing.assert_array_equal(np.load(tmp_path / 'a.npy'), values)
    with np.load(tmp_path / 'b.npz') as arrays:
        assert arrays.files == ['one', 'two']
        np.testing.assert_array_equal(arrays['two'], values[0])


def test_image_keeps_its_colours(tmp_path):
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[..., 0] = 200
    replace_image(tmp_path / 'red.png', picture)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'red.png'))[0, 0],
                                  [0, 0, 200])  # fmt: skip
    with pytest.raises(DataError, match=r"'\.xyz'"):
        replace_image(tmp_path / 'red.xyz', picture)
    assert [path.name for path in tmp_path.iterdir()] == ['red.png']
