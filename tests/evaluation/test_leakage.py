import pytest

from mmdeepfake.errors import DataError
from mmdeepfake.evaluation.leakage import PERSONS, VIDEOS, Leak, SeenVideos, find_leaks
from mmdeepfake.structures import VideoKey
from mmdeepfake.structures.training_data import TrainingData


def item(name, method='FaceSwap', compression='c40', identities=(), dataset='set'):
    label = int(method != 'real')
    return {
        'video_key': VideoKey(dataset, label, method, compression, name),
        'identities': identities,
    }


def seen(*items):
    return SeenVideos.of_items(items)


def test_what_is_written_is_read(tmp_path):
    items = item('000_003', identities=('000', '003')), item('é', 'real')
    one = SeenVideos.of_items(items, kind='rendered')
    one.write(tmp_path / 'videos.json')
    assert SeenVideos.read(tmp_path / 'videos.json') == one
    assert one.training_data == TrainingData('rendered', ('set',), 2)


def test_file_of_an_earlier_version_is_of_unknown_data(tmp_path):
    path = tmp_path / 'videos.json'
    path.write_text('{"videos": [["set", "real", "a"]], "persons": []}')
    assert SeenVideos.read(path).training_data == TrainingData('unknown', ('set',), 0)


def test_a_video_at_another_compression_level_is_the_same_video():
    (leak,) = find_leaks(seen(item('a', compression='c23')), seen(item('a'), item('b')))
    assert leak == Leak(VIDEOS, ('set/FaceSwap/a',), 2)
    assert str(leak).startswith('1 of 2 videos')


def test_one_name_in_two_methods_or_datasets_is_two_videos():
    trained = seen(item('a', method='Deepfakes'), item('a', dataset='other'))
    assert find_leaks(trained, seen(item('a'))) == []


def test_a_person_of_the_training_is_found_in_the_test():
    trained = seen(item('a', identities=('1', '2')))
    (leak,) = find_leaks(trained, seen(item('b', identities=('2', '3'))))
    assert leak == Leak(PERSONS, ('set/2',), 2)
    elsewhere = seen(item('b', identities=('2',), dataset='other'))
    assert find_leaks(trained, elsewhere) == []


@pytest.mark.parametrize(
    'text',
    [
        '',
        '{}',
        '{"videos": [["a"]], "persons": []}',
        '[]',
        '{"videos": [], "persons": [], "kind": "drawn"}',
    ],
)
def test_broken_list_is_named(tmp_path, text):
    (tmp_path / 'videos.json').write_text(text)
    with pytest.raises(DataError, match=r'videos\.json is not a list'):
        SeenVideos.read(tmp_path / 'videos.json')
