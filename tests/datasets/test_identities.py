import pytest

from mmdeepfake.datasets.identities import check_identities
from mmdeepfake.errors import DataError
from mmdeepfake.structures import VideoKey, VideoRecord


def record(name, split, *identities):
    key = VideoKey('Celeb-DF', 0, 'real', 'as_is', name)
    return VideoRecord(key, f'{name}.mp4', split, identities=identities)


def check(*records, allowed):
    check_identities(records, where='manifest.jsonl', test_shows_known_persons=allowed)


def test_person_of_training_in_the_test_split_needs_permission(log_lines):
    records = [record('a', 'train', 'id0'), record('b', 'test', 'id0', 'id1')]
    with pytest.raises(DataError, match="'Celeb-DF/id0' in train and test"):
        check(*records, allowed=False)
    check(*records, allowed=True)
    assert '1 of the 2 persons' in log_lines[0]


@pytest.mark.parametrize('allowed', [False, True])
def test_person_of_training_in_validation_is_always_rejected(allowed):
    records = [record('a', 'train', 'id0'), record('b', 'val', 'id0')]
    with pytest.raises(DataError, match="'Celeb-DF/id0' in train and val"):
        check(*records, allowed=allowed)


@pytest.mark.parametrize('allowed', [False, True])
def test_nobody_named_is_nobody_shared(allowed):
    check(record('a', 'test'), allowed=allowed)
    check(allowed=allowed)
