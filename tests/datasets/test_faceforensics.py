import json
from collections import Counter

import pytest
from builders import CLASSIC_METHODS, keys_of, make_ffpp_tree

from mmdeepfake.datasets import FaceForensics
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.structures import VideoKey

# Ids in several pairs: each pair has a fake by one manipulation only.
FREE_SPLITS = {'train': [('000', '001'), ('001', '000'), ('000', '002')]}


def build(root, split='train', **arguments):
    arguments = {'compression': 'c40', 'pipeline': [], **arguments}
    return FaceForensics(data_root=str(root), split=split, **arguments)


def fake_path(root, method='FaceSwap', name='000_001', level='c40'):
    return root / 'manipulated_sequences' / method / level / 'videos' / f'{name}.mp4'


def test_pair_gives_two_real_videos_and_two_fakes_a_method(ffpp_root):
    dataset = build(ffpp_root)
    methods = ('real', *CLASSIC_METHODS)
    assert Counter(key.method for key in keys_of(dataset)) == dict.fromkeys(methods, 2)
    names = {key.name for key in keys_of(dataset) if key.method == 'FaceSwap'}
    assert names == {'000_001', '001_000'}


def test_item_holds_all_that_is_known_of_a_video(tmp_path):
    root = make_ffpp_tree(tmp_path / 'ff', methods=['FaceSwap'], masks=True)
    item = build(root, split='test', methods='FaceSwap').get_data_info(2)
    mask = root / 'manipulated_sequences/FaceSwap/masks/videos/004_005.mp4'
    expected = {
        'filename': str(fake_path(root, name='004_005')),
        'label': 1,
        'video_key': VideoKey('FaceForensics++', 1, 'FaceSwap', 'c40', '004_005'),
        'dataset': 'FaceForensics++',
        'method': 'FaceSwap',
        'compression': 'c40',
        'video_name': '004_005',
        'identities': ('004', '005'),
        'mask': str(mask),
        'total_frames': 12,
        'fps': 25.0,
    }
    assert {name: item[name] for name in expected} == expected


@pytest.mark.parametrize(
    ('asked', 'folder', 'plain'),
    [
        ('LQ', 'c40', 'c40'),
        ('hq', 'c23', 'c23'),
        ('raw', 'raw', 'c0'),
        ('C0', 'c0', 'c0'),
    ],
)
def test_compression_has_two_names(tmp_path, asked, folder, plain):
    root = make_ffpp_tree(tmp_path / 'ff', methods=['FaceSwap'], levels=[folder])
    dataset = build(root, compression=asked, methods=['FaceSwap'])
    assert {key.compression for key in keys_of(dataset)} == {plain}


def test_missing_root_is_named_with_the_source_and_the_demo(tmp_path):
    with pytest.raises(DataNotFoundError) as error:
        build(tmp_path / 'ff')
    text = str(error.value)
    for part in (f'{tmp_path}/ff', 'github.com/ondyari', '<root>/splits', 'demo'):
        assert part in text


def test_missing_manipulation_is_named_with_those_that_are_there(tmp_path):
    root = make_ffpp_tree(tmp_path / 'ff', methods=['Face2Face', 'FaceSwap'])
    message = r"Deepfakes, NeuralTextures.*methods=\['Face2Face', 'FaceSwap'\]"
    with pytest.raises(DataNotFoundError, match=message):
        build(root)


def test_missing_compression_is_named_with_those_that_are_there(ffpp_root):
    message = r"c23/videos.*\['c40'\]"
    with pytest.raises(DataNotFoundError, match=message):
        build(ffpp_root, compression='c23')


@pytest.mark.parametrize('compression', [None, 'c17'])
def test_compression_must_be_one_of_three(ffpp_root, compression):
    with pytest.raises(ConfigError, match=f'compression={compression!r}'):
        build(ffpp_root, compression=compression)


def test_deepfakedetection_has_no_split(ffpp_root):
    with pytest.raises(ConfigError, match=r"methods=\['DeepFakeDetection'\]"):
        build(ffpp_root, methods=['DeepFakeDetection'])


def test_missing_split_file_is_named(ffpp_root):
    (ffpp_root / 'splits/test.json').unlink()
    with pytest.raises(DataNotFoundError, match=r'splits/test\.json'):
        build(ffpp_root, split='test')


@pytest.mark.parametrize(
    ('content', 'place'),
    [
        ('[["000", "001"', r'test\.json'),
        ('{}', r'test\.json'),
        ('[]', r'test\.json'),
        ('[["004", "005"], ["006"]]', r"entry 1: \['006'\]"),
        ('[[4, 5]]', r'entry 0: \[4, 5\]'),
        ('[["004", "004"]]', 'entry 0'),
        ('[["../x", "004"]]', 'entry 0'),
        ('[["004", "005"], ["004", "005"]]', 'entry 1: .*entry 0'),
        ('[["000", "005"]]', "'000' in train and test"),
    ],
)
def test_invalid_split_file_is_rejected_even_for_another_split(
    ffpp_root, content, place
):
    (ffpp_root / 'splits/test.json').write_text(content)
    with pytest.raises(DataError, match=place):
        build(ffpp_root, split='train')


def test_person_in_two_splits_is_rejected(ffpp_root):
    persons = {f'{i:03d}': f'person {i}' for i in range(6)}
    (ffpp_root / 'identities.json').write_text(json.dumps(persons))
    assert build(ffpp_root).get_data_info(2)['identities'] == ('person 0', 'person 1')
    persons['004'] = 'person 1'
    (ffpp_root / 'identities.json').write_text(json.dumps(persons))
    with pytest.raises(DataError, match="'person 1' in train and test"):
        build(ffpp_root)


def test_id_without_a_person_is_rejected(ffpp_root):
    (ffpp_root / 'identities.json').write_text('{"000": "d1"}')
    with pytest.raises(DataError, match="'001'"):
        build(ffpp_root)


def test_ids_in_several_pairs_take_the_fakes_that_are_there(tmp_path):
    root = make_ffpp_tree(
        tmp_path / 'ff', FREE_SPLITS, methods=['FaceSwap', 'Face2Face']
    )
    for name in (
        'FaceSwap/000_001',
        'FaceSwap/001_000',
        'Face2Face/000_002',
        'Face2Face/002_000',
    ):
        fake_path(root, *name.split('/')).unlink()
    fakes = keys_of(build(root, methods=['FaceSwap', 'Face2Face']))[3:]
    assert [f'{key.method} {key.name}' for key in fakes] == [
        *('Face2Face 000_001', 'Face2Face 001_000'),
        *('FaceSwap 000_002', 'FaceSwap 002_000'),
    ]
    fake_path(root, 'FaceSwap', '000_002').unlink()
    with pytest.raises(DataNotFoundError, match=r'1 of 3 pairs .*: 000_002'):
        build(root, methods=['FaceSwap', 'Face2Face'])


def test_dataset_may_have_another_name(ffpp_root):
    dataset = build(ffpp_root, split='val', dataset_name='mine', test_mode=True)
    assert {key.dataset for key in keys_of(dataset)} == {'mine'}
