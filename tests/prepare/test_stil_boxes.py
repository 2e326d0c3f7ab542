import os
import pickle
import pickletools

import numpy as np
import pytest

from mmdeepfake.errors import DataError
from mmdeepfake.prepare.stil_boxes import read_stil_boxes

BOXES = [[10.5, 20, 110, 140], [11, 20.25, 111, 140]]


def write(path, content, protocol=None):
    path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    'make',
    [
        lambda: BOXES,
        lambda: tuple(map(tuple, BOXES)),
        lambda: np.array(BOXES),
        lambda: np.array(BOXES, np.float32),
        lambda: np.array(BOXES, '>f8'),
        lambda: np.asfortranarray(np.array(BOXES, np.float32)),
        lambda: np.array(BOXES)[::-1][::-1],
        lambda: [np.array(box, np.float32) for box in BOXES],
        lambda: [[np.float32(value) for value in box] for box in BOXES],
    ],
)
def test_boxes_of_any_kind_and_protocol_are_read(tmp_path, protocol, make):
    path = write(tmp_path / 'ä boxes.pkl', {'317': make(), '000': BOXES[:1]}, protocol)
    boxes = read_stil_boxes(path)
    assert list(boxes) == ['317', '000']
    assert boxes['317'].dtype == np.float32
    np.testing.assert_array_equal(boxes['317'], np.array(BOXES, np.float32))
    assert boxes['000'].shape == (1, 4)


def test_files_of_both_numpys_and_python_2_are_read(tmp_path):
    new = pickle.dumps({'5': np.array(BOXES)}, 2)
    old = new.replace(b'numpy._core.multiarray', b'numpy.core.multiarray')
    path = tmp_path / 'b.pkl'
    for content in (new, old):
        path.write_bytes(content)
        np.testing.assert_array_equal(read_stil_boxes(path)['5'], np.float32(BOXES))
    # Python 2 writes texts and an array's data as strings of bytes.
    raw = np.array(BOXES).tobytes()
    text = b'(dU\x03317cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n'
    text += b'(I0\ntU\x01btR(I1\n(I2\nI4\ntcnumpy\ndtype\n(U\x02f8I0\nI1\ntR'
    text += b'(I3\nU\x01<NNNI-1\nI-1\nI0\ntbI00\nU' + bytes([len(raw)]) + raw
    path.write_bytes(text + b'tbs.')
    np.testing.assert_array_equal(read_stil_boxes(path)['317'], np.float32(BOXES))


class Runs:
    """Runs a function as it is unpickled."""

    def __init__(self, function, *arguments):
        self._call = function, arguments

    def __reduce__(self):
        return self._call


def leave_mark(path):
    """Return a pickle that makes a folder."""
    return Runs(os.mkdir, str(path))


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_code_is_refused_and_not_run(tmp_path, protocol):
    mark = tmp_path / 'mark'
    for content in (
        leave_mark(mark),
        {'317': leave_mark(mark)},
        {'317': BOXES, leave_mark(mark): 1},
        {'317': np.array([leave_mark(mark)], object)},
    ):
        path = write(tmp_path / 'b.pkl', content, protocol)
        assert any(
            opcode.name in ('REDUCE', 'GLOBAL', 'STACK_GLOBAL')
            for opcode, _, _ in pickletools.genops(path.read_bytes())
        )
        with pytest.raises(DataError, match='it names'):
            read_stil_boxes(path)
        assert not mark.exists()


@pytest.mark.parametrize(
    ('content', 'named'),
    [
        (b"cos\nsystem\n(S'true'\ntR.", r'os\.system|posix\.system'),
        (b"cbuiltins\neval\n(S'1'\ntR.", r'builtins\.eval'),
        (b'cbuiltins\ngetattr\n.', r'builtins\.getattr'),
        (b'cnumpy\nload\n.', r'numpy\.load'),
        (
            b'cnumpy.core.multiarray\n_reconstruct.__globals__\n.',
            r'_reconstruct\.__glob',
        ),
        (b'cmmdeepfake.prepare.stil_boxes\nos\n.', r'mmdeepfake\.prepare\.stil_boxes'),
        (b'ccopyreg\n_reconstructor\n.', r'copyreg\._reconstructor'),
        (b'Pan object outside\n.', 'the outside object'),
        (b'cnumpy\nndarray\n(I9\ntR.', 'numpy.ndarray as a function'),
        (b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR.", 'numbers of kind'),
        (b'c_codecs\nencode\n(Vx\nVrot13\ntR.', "bytes encoded as 'rot13'"),
    ],
)
def test_every_other_name_is_refused(tmp_path, content, named):
    path = tmp_path / 'b.pkl'
    path.write_bytes(content)
    with pytest.raises(DataError, match=f'it names .*({named})'):
        read_stil_boxes(path)


@pytest.mark.parametrize(
    'name',
    [b'cnumpy\ndtype\n', b'cnumpy\nndarray\n', b'c_codecs\nencode\n']
    + [b'cnumpy.core.multiarray\n' + n for n in (b'_reconstruct\n', b'scalar\n')],
)
def test_what_may_be_named_cannot_be_changed(tmp_path, name):
    path = tmp_path / 'b.pkl'
    for state in (b'}Vinjected\nI1\ns', b'N}Vinjected\nI1\ns\x86'):
        path.write_bytes(name + state + b'b.')
        with pytest.raises(DataError, match=r'not a pickle|it names'):
            read_stil_boxes(path)
    path.write_bytes(pickle.dumps({'317': np.array(BOXES)}))
    assert read_stil_boxes(path)['317'].shape == (2, 4)


def test_array_of_another_length_than_stated_is_refused(tmp_path):
    whole = pickle.dumps({'317': np.array(BOXES)}, 2)
    path = tmp_path / 'b.pkl'
    path.write_bytes(whole.replace(b'K\x02K\x04\x86', b'J\xff\xff\xff\x7fK\x04\x86'))
    with pytest.raises(DataError, match='not a pickle'):
        read_stil_boxes(path)


@pytest.mark.parametrize('keep', [0, 1, 10, 60])
def test_truncated_file_is_named(tmp_path, keep):
    path = tmp_path / 'b.pkl'
    path.write_bytes(pickle.dumps({'317': np.array(BOXES)})[:keep])
    with pytest.raises(DataError, match=r"b\.pkl' is truncated"):
        read_stil_boxes(path)


@pytest.mark.parametrize(
    ('content', 'named'),
    [
        ([BOXES], 'a list without videos'),
        ({}, 'a dict without videos'),
        ({7: BOXES}, 'a video 7'),
        ({'7': []}, r"'7' .*\(0,\)"),
        ({'7': [[1, 2, 3]]}, r'\(1, 3\)'),
        ({'7': [[1, 2, 3, 4], [1]]}, "'7' .* numbers"),
        ({'7': [[1, 2, 3, 'x']]}, "'7' .* numbers"),
        ({'7': [None]}, "'7' "),
        ({'7': [[1, 2, 3, 4], [5, 2, 3, 4]]}, r'frame 1 has \[5\.0, 2'),
        ({'7': [[1, 2, float('inf'), 4]]}, 'frame 0 has '),
    ],
)
def test_invalid_boxes_are_refused(tmp_path, content, named):
    with pytest.raises(DataError, match=named):
        read_stil_boxes(write(tmp_path / 'b.pkl', content))
