import pickle

import pytest

from mmdeepfake.structures import VideoKey, VideoRecord

FAKE_KEY = VideoKey('set', 1, 'FaceSwap', 'c40', '012_026')


def test_key_reads_as_a_path_with_the_label_in_words():
    assert str(FAKE_KEY) == 'set/fake/FaceSwap/c40/012_026'


def test_key_survives_pickling_as_the_same_type():
    copy = pickle.loads(pickle.dumps(FAKE_KEY))
    assert copy == FAKE_KEY
    assert type(copy) is VideoKey


@pytest.mark.parametrize(
    ('key', 'fields', 'message'),
    [
        (FAKE_KEY._replace(label=2), {}, r'label 2 .*0 \(real\) or 1'),
        (FAKE_KEY._replace(label=0), {}, "label 0 and method 'FaceSwap'"),
        (FAKE_KEY._replace(method='real'), {}, "label 1 and method 'real'"),
        (FAKE_KEY, {'split': 'dev'}, "split 'dev' .* one of 'train', 'val', 'test'"),
        (FAKE_KEY, {'fps': 0.0}, r'fps 0\.0'),
        (FAKE_KEY, {'fps': float('inf')}, 'fps inf'),
        (FAKE_KEY, {'status': 'lost'}, "status 'lost' .* 'ok', 'no_face', 'failed'"),
        (FAKE_KEY, {'status': 'no_face'}, "path 'a.mp4' .*'no_face'"),
        (FAKE_KEY, {'track': -1}, 'track -1'),
        (FAKE_KEY, {'num_frames': 0}, 'num_frames 0'),
        (FAKE_KEY, {'boxes': ((5.0, 0.0, 5.0, 9.0),)}, r'boxes\[0\]'),
        (FAKE_KEY, {'boxes': ((0.0, 0.0, float('nan'), 9.0),)}, r'boxes\[0\]'),
        (
            FAKE_KEY,
            {'num_frames': 3, 'boxes': ((0.0, 0.0, 1.0, 1.0),) * 2},
            "'2 boxes'",
        ),
    ],
)
def test_impossible_record_is_refused(key, fields, message):
    with pytest.raises(ValueError, match=message):
        VideoRecord(key, 'a.mp4', **{'split': 'test', **fields})


@pytest.mark.parametrize('num_boxes', [0, 1, 3])
def test_boxes_may_be_none_or_one_or_one_a_frame(num_boxes):
    boxes = ((0.0, 0.0, 1.0, 1.0),) * num_boxes
    record = VideoRecord(FAKE_KEY, 'a.mp4', 'test', num_frames=3, boxes=boxes)
    assert record.boxes == boxes
