from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from builders import items_of, keys_of, make_clip, make_frame_folder, make_video
from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset

from mmdeepfake.datasets import DeepfakeDataset
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.evaluation import DeepfakeMetric
from mmdeepfake.structures import FaceTrack, VideoKey, VideoRecord
from mmdeepfake.structures.manifest import ManifestWriter


def make_record(name, method='real', split='train', level='c40', dataset='A', **fields):
    label = int(method != 'real')
    key = VideoKey(dataset, label, method, level, name)
    path = f'{split}/{dataset}/{method}/{level}/{name}.mp4'
    return VideoRecord(key, path, split, **{'identities': (name[:1],), **fields})


def records():
    """2 real videos and 7 fakes to train on, 2 videos to test on."""
    listed = [make_record(name) for name in ('b', 'a')]
    listed += [make_record(f'a{i}', 'FaceSwap') for i in range(4)]
    listed += [make_record(f'b{i}', 'Deepfakes') for i in range(3)]
    return [*listed, *(make_record('x', m, 'test') for m in ('real', 'FaceSwap'))]


def write(root, listed, files=True):
    """Write a manifest, and a file for each of its videos."""
    root.mkdir(exist_ok=True)
    with ManifestWriter(root / 'manifest.jsonl') as manifest:
        for record in listed:
            manifest.append(record)
            if files and record.path:
                (root / record.path).parent.mkdir(parents=True, exist_ok=True)
                (root / record.path).write_bytes(b'x')
    return root


def build(root, split='train', check_files='stat', **arguments):
    return DeepfakeDataset(str(root), split, [], check_files=check_files, **arguments)


def methods(dataset):
    return Counter(item['method'] for item in items_of(dataset))


def test_manifest_gives_the_videos_of_the_split_sorted(tmp_path):
    dataset = build(write(tmp_path, records()))
    keys = keys_of(dataset)
    assert keys == sorted(r.key for r in records() if r.split == 'train')
    assert dataset.metainfo['classes'] == ('real', 'fake')
    assert len(build(tmp_path, 'test', test_mode=True)) == 2


def test_item_has_what_the_manifest_knows(tmp_path):
    boxes = tuple((1.0, 2.0, 30.0 + i, 40.0) for i in range(12))
    fake = make_record(
        'b', 'FaceSwap', fps=24.0, num_frames=12, boxes=boxes, mask='masks/b.mp4'
    )
    root = write(tmp_path, [make_record('a'), fake])
    item = items_of(build(root))[1]
    np.testing.assert_array_equal(item['face_boxes'], np.array(boxes, np.float32))
    assert item['face_boxes'].dtype == np.float32
    assert (item['fps'], item['total_frames']) == (24.0, 12)
    assert item['mask'] == str(tmp_path / 'masks/b.mp4')
    assert item['filename'] == str(tmp_path / fake.path)


def test_unknown_facts_are_left_out_of_the_item(tmp_path):
    item = items_of(build(write(tmp_path, records())))[0]
    assert not {'fps', 'total_frames', 'face_boxes'} & set(item)


def test_manifest_may_list_frame_folders(tmp_path):
    listed = [make_record('a'), make_record('b', 'FaceSwap')]
    listed = [replace(record, path=record.key.name) for record in listed]
    write(tmp_path, listed, files=False)
    for record in listed:
        make_frame_folder(tmp_path / record.path)
    item = items_of(build(tmp_path, check_files='open'))[1]
    assert item['frame_dir'] == str(tmp_path / 'b')
    assert item['total_frames'] == 12


def test_methods_compression_and_dataset_choose_among_the_videos(tmp_path):
    others = (dict(level='c23'), dict(dataset='B'))
    listed = [make_record('a', **other) for other in others]
    listed += [make_record('a9', 'FaceSwap', **other) for other in others]
    write(tmp_path, [*records(), *listed])
    assert len(build(tmp_path)) == 13
    chosen = build(tmp_path, methods=['Deepfakes'])
    assert methods(chosen) == {'real': 4, 'Deepfakes': 3}
    assert methods(build(tmp_path, compression='HQ')) == {'real': 1, 'FaceSwap': 1}
    chosen = build(tmp_path, compression='lq', methods='FaceSwap', dataset_name='A')
    assert methods(chosen) == {'real': 2, 'FaceSwap': 4}


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        (dict(methods=['Face2Face']), r"Face2Face.*\['Deepfakes', 'FaceSwap'\]"),
        (dict(methods=['real']), r"methods=\['real'\]"),
        (dict(compression='hq'), r"compression=\['c23'\].*\['c40'\]"),
        (dict(dataset_name='B'), r"dataset_name=\['B'\].*\['A'\]"),
        (dict(split='dev'), "split='dev'.*'train', 'val', 'test'"),
        (dict(check_files='all'), "check_files='all'.*'open', 'stat'"),
        (dict(real_fake_balance='x'), "balance='x'.*None, 'repeat_real'"),
        (dict(max_unusable_share=1), 'max_unusable_share=1;'),
        (
            dict(real_fake_balance='repeat_real', test_mode=True),
            "'repeat_real', test_mode=True",
        ),
        (dict(tracks='all'), "tracks='all', test_mode=False"),
        (dict(tracks=1), "tracks=1.*'main', 'all'"),
    ],
)
def test_invalid_argument_is_rejected(tmp_path, arguments, expected):
    write(tmp_path, records())
    with pytest.raises(ConfigError, match=f'^DeepfakeDataset.*{expected}'):
        build(tmp_path, **arguments)


def test_identity_in_two_splits_is_rejected(tmp_path):
    shared = make_record('z', split='test', identities=('a',))
    with pytest.raises(DataError, match="'A/a' in train and test"):
        build(write(tmp_path, [*records(), shared]))


def test_same_identity_name_in_two_datasets_is_allowed(tmp_path):
    other = make_record('z', split='test', dataset='B', identities=('a',))
    assert len(build(write(tmp_path, [*records(), other]))) == 9


def test_missing_manifest_is_named(tmp_path):
    with pytest.raises(DataNotFoundError, match=r'no manifest .*/faces\.jsonl'):
        build(tmp_path, manifest='faces.jsonl')


def test_empty_split_is_rejected(tmp_path):
    with pytest.raises(DataNotFoundError, match="'val': no real and no fake"):
        build(write(tmp_path, records()), split='val')


def test_one_class_can_be_tested_but_not_trained_on(tmp_path):
    write(tmp_path, [make_record('a'), make_record('x', split='test')])
    assert len(build(tmp_path, 'test', test_mode=True)) == 1
    with pytest.raises(DataNotFoundError, match="'train': no fake videos"):
        build(tmp_path)


def test_repeated_real_videos_are_counted_in_the_log(tmp_path, log_lines):
    dataset = build(write(tmp_path, records()), real_fake_balance='repeat_real')
    assert methods(dataset) == {'real': 7, 'FaceSwap': 4, 'Deepfakes': 3}
    assert log_lines[-1] == (
        "DeepfakeDataset, split 'train': 7 real, 7 fake (Deepfakes 3, FaceSwap 4) "
        '(as listed: 2 real, 7 fake (Deepfakes 3, FaceSwap 4)); masks for 0'
    )


def test_unusable_videos_are_counted_and_named_in_one_message(tmp_path):
    root = write(tmp_path, records())
    (root / 'train/A/FaceSwap/c40/a0.mp4').write_bytes(b'')
    for i in range(3):
        (root / f'train/A/Deepfakes/c40/b{i}.mp4').unlink()
    with pytest.raises(DataError) as error:
        build(root)
    first, *examples, fix = str(error.value).splitlines()
    assert "split 'train': 4 of 9 videos" in first
    assert '(3 missing, 1 empty), a share of 0.4444' in first
    assert examples[0] == '  train/A/Deepfakes/c40/b0.mp4: missing'
    assert examples[3] == '  train/A/FaceSwap/c40/a0.mp4: empty: 0 bytes'
    assert 'max_unusable_share=0.4445' in fix


def test_long_list_of_unusable_videos_is_cut(tmp_path):
    write(tmp_path, records(), files=False)
    with pytest.raises(DataNotFoundError, match='9 of 9 videos') as error:
        build(tmp_path)
    assert '  and 4 more' in str(error.value).splitlines()


def test_allowed_share_is_skipped_with_a_warning(tmp_path, log_lines):
    root = write(tmp_path, records())
    (root / 'train/A/FaceSwap/c40/a0.mp4').unlink()
    dataset = build(root, max_unusable_share=0.12)
    assert methods(dataset) == {'real': 2, 'FaceSwap': 3, 'Deepfakes': 3}
    assert 'a0.mp4: missing' in log_lines[0] and '88.9%' in log_lines[0]
    with pytest.raises(DataNotFoundError, match=r'max_unusable_share=0\.11'):
        build(root, max_unusable_share=0.11)


def test_class_without_a_usable_video_is_rejected(tmp_path):
    root = write(tmp_path, records())
    for name in 'ab':
        (root / f'train/A/real/c40/{name}.mp4').unlink()
    with pytest.raises(DataError, match=r'2 of 9 videos .*\n(.*\n)*No real videos'):
        build(root, max_unusable_share=0.5)


def test_other_length_than_the_manifest_says_is_unusable(tmp_path):
    listed = [make_record('a'), make_record('b', 'FaceSwap', num_frames=300)]
    write(tmp_path, listed, files=False)
    for record in listed:
        make_video(tmp_path / record.path)
    message = r'1 other length.*\n.*b\.mp4: other length: 12 frames, 300 in'
    with pytest.raises(DataError, match=message):
        build(tmp_path, check_files='open')


def test_video_shorter_than_one_snippet_is_found_before_the_run(tmp_path):
    listed = [make_record('a', num_frames=7), make_record('b', 'FaceSwap')]
    listed[1] = replace(listed[1], num_frames=6)
    sampler = dict(type='SampleSnippets', num_snippets=2, clip_len=4, stride_frames=2)
    arguments = (str(write(tmp_path, listed)), 'train', [sampler])
    message = r'1 too short.*\n.*b\.mp4: too short: 6 frames, .*7'
    with pytest.raises(DataError, match=message):
        DeepfakeDataset(*arguments, check_files='stat')
    sampler['short_video'] = 'repeat_last'
    assert len(DeepfakeDataset(*arguments, check_files='stat')) == 2


def faceless(name, status='no_face', **fields):
    return replace(make_record(name, **fields), path='', status=status)


def with_faceless():
    """The videos of `records`, and three that cannot be shown."""
    return [
        *records(),
        faceless('b9', method='FaceSwap'),
        faceless('x1', method='FaceSwap', split='test'),
        faceless('x2', 'failed', split='test', fault='no picture stream'),
    ]


def test_videos_without_a_face_are_skipped_in_training_and_listed_in_tests(
    tmp_path, log_lines
):
    root = write(tmp_path, with_faceless())
    dataset = build(root)
    assert len(dataset) == 9
    assert 'unscored_videos' not in dataset.metainfo
    assert "'train': 1 more videos without a face, 0 whose" in log_lines[-1]
    test = build(root, 'test', test_mode=True)
    assert len(test) == 2
    assert test.metainfo['unscored_videos'] == (
        (VideoKey('A', 0, 'real', 'c40', 'x2'), 'failed', ('x',)),
        (VideoKey('A', 1, 'FaceSwap', 'c40', 'x1'), 'no_face', ('x',)),
    )
    assert "'test': 1 more videos without a face, 1 whose" in log_lines[-1]


def test_other_faces_are_listed_in_tests_on_request(tmp_path):
    persons = [make_record('x', method, 'test') for method in ('real', 'FaceSwap')]
    second = replace(persons[1], track=1, path='test/second.mp4')
    root = write(tmp_path, [*persons, second])
    tracks = [i['track'] for i in items_of(build(root, 'test', test_mode=True))]
    assert tracks == [0, 0]
    every = items_of(build(root, 'test', test_mode=True, tracks='all'))
    labels_and_tracks = [(i['video_key'].label, i['track']) for i in every]
    assert labels_and_tracks == [(0, 0), (1, 0), (1, 1)]


def test_boxes_come_from_the_track_file_in_pixels_of_the_clip(tmp_path):
    boxes = np.array([[110 + i, 60, 130 + i, 90] for i in range(12)], np.float32)
    track = FaceTrack(boxes, region=(100, 50, 164, 114), scale=0.5, first_frame=7)
    listed = [make_record('a'), make_record('b', 'FaceSwap')]
    listed = [
        replace(r, path=f'{r.key.name}.tar', track_file=f'{r.key.name}.npz')
        for r in listed
    ]
    root = write(tmp_path, listed, files=False)
    for record in listed:
        make_clip(root / record.path)
        track.save(root / record.track_file)
    dataset = DeepfakeDataset(
        str(root), 'train', [dict(type='OpenVideo'), dict(type='SampleSnippets',
        num_snippets=2, clip_len=3), dict(type='DecodeFrames'),
        dict(type='CropFace', margin_ratio=1.0)],
    )  # fmt: skip
    # The file is read only when the video is shown.
    assert 'face_boxes' not in dataset.get_data_info(0)
    item = dataset[0]
    expected = [[5 + i / 2, 5, 15 + i / 2, 20] for i in range(12)]
    np.testing.assert_allclose(item['face_boxes'], expected)
    assert item['img_shape'] == (15, 15)
    short = FaceTrack(boxes[:11], region=(100, 50, 164, 114), scale=0.5)
    short.save(root / 'a.npz')
    with pytest.raises(DataError, match=r'a\.npz.* has boxes for 11 frames, video A/r'):
        dataset[0]
    (root / 'a.npz').unlink()
    with pytest.raises(DataNotFoundError, match=r'no face track .*a\.npz'):
        dataset[0]


def test_no_video_is_replaced_by_another(tmp_path):
    dataset = DeepfakeDataset(
        str(write(tmp_path, records())), 'train', [lambda _: None], check_files='stat'
    )
    with pytest.raises(Exception, match='Cannot find valid image after 0'):
        dataset[0]


# MMEngine's wrappers


def make_sets(root):
    """Make two test sets, each with two videos to show and another one."""
    for name in 'AB':
        shown = [
            make_record('x', m, 'test', dataset=name) for m in ('real', 'FaceSwap')
        ]
        status = 'no_face' if name == 'A' else 'failed'
        hidden = faceless('y', status, method='FaceSwap', split='test', dataset=name)
        write(root / name, [*shown, hidden])
    return [build(root / name, 'test', test_mode=True) for name in 'AB']


def score(dataset):
    """Evaluate a dataset's videos as MMEngine's loops do; half right, half wrong."""
    metric = DeepfakeMetric(num_resamples=0)
    metric.dataset_meta = dataset.metainfo
    samples = [
        dict(
            video_key=item['video_key'], gt_label=[item['label']], pred_score=[0.5, 0.5]
        )
        for item in items_of(dataset)
    ]
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def test_no_video_vanishes_from_concatenated_sets(tmp_path):
    parts = make_sets(tmp_path)
    for sets in (parts, parts[::-1]):
        figures = score(ConcatDataset(sets))
        assert figures['deepfake/num_videos'] == 6
        assert figures['deepfake/num_no_face'] == 1
        assert figures['deepfake/num_failed'] == 1


def test_repeated_set_keeps_its_count_of_unscored_videos(tmp_path):
    dataset = RepeatDataset(make_sets(tmp_path)[0], times=1)
    assert score(dataset)['deepfake/num_videos'] == 3


def test_classes_can_be_balanced_by_mmengine(tmp_path):
    dataset = ClassBalancedDataset(
        build(write(tmp_path, records())), oversample_thr=0.5
    )
    # Each real video of 2 is listed ceil(sqrt(0.5 / (2 / 9))) = 2 times.
    assert Counter(item['label'] for item in items_of(dataset)) == {0: 4, 1: 7}
