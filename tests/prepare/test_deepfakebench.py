import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import make_clip, make_frame, read_index
from tool_runs import ROOT, run_tool_here

from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.prepare.deepfakebench import export_bench, import_bench
from mmdeepfake.prepare.deepfakebench.importing import replace_last_part
from mmdeepfake.prepare.deepfakebench.reading import read_bench_file, sort_frames
from mmdeepfake.structures import FaceTrack, VideoKey, VideoRecord
from mmdeepfake.structures.manifest import ManifestWriter, read_manifest
from mmdeepfake.video.clip_storage import open_clip

NUM_FRAMES = 5


# A hand-made bench of images ------------------------------------------------


def make_frames(root, folder, numbers=range(NUM_FRAMES), landmarks=False, masks=False):
    """Write numbered PNGs; return their paths below the root, unsorted like theirs."""
    (root / folder).mkdir(parents=True, exist_ok=True)
    paths = []
    for number in numbers:
        path = f'{folder}/{number:03d}.png'
        frame = cv2.cvtColor(make_frame(number), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(root / path), frame)
        paths.append(path)
        if landmarks:
            file = root / path.replace('/frames/', '/landmarks/')
            file.parent.mkdir(parents=True, exist_ok=True)
            np.save(file.with_suffix('.npy'), np.full((81, 2), number))
        if masks:
            file = root / path.replace('/frames/', '/masks/')
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), np.full((64, 64), 255, np.uint8))
    return paths[::-1]


def entry(label, paths, start='./'):
    return {'label': label, 'frames': [start + path for path in paths]}


def write_json(path, content):
    path.write_text(json.dumps(content))
    return path


def make_ffpp(root, name='FaceForensics++', **options):
    """One real and one fake of each split, at c23."""
    labels = {}
    for label, place in (
        ('FF-real', 'original_sequences/youtube'),
        ('FF-DF', 'manipulated_sequences/Deepfakes'),
    ):
        for i, split in enumerate(('train', 'val', 'test')):
            video = f'00{i}' if label == 'FF-real' else f'00{i}_00{i}'
            folder = f'FaceForensics++/{place}/c23/frames/{video}'
            found = entry(label, make_frames(root, folder, **options))
            labels.setdefault(label, {}).setdefault(split, {})['c23'] = {video: found}
    return write_json(root / f'{name}.json', {'FaceForensics++': labels})


def run_import(json_files, root, out, **options):
    files = [json_files] if isinstance(json_files, Path) else json_files
    return import_bench(files, out, bench_root=root, **options)


def kinds(report):
    return [defect.kind for defect in report.defects]


def details_of(report, kind):
    return next(d.details for d in report.defects if d.kind == kind)


def test_import_lists_keys_splits_and_stores_every_pixel(tmp_path):
    report = run_import(make_ffpp(tmp_path), tmp_path, tmp_path / 'out')
    assert report.defects == ()
    records = read_manifest(tmp_path / 'out/manifest.jsonl')
    assert [(str(r.key), r.split, r.identities) for r in records] == [
        ('FaceForensics++/real/real/c23/000', 'train', ('000',)),
        ('FaceForensics++/real/real/c23/001', 'val', ('001',)),
        ('FaceForensics++/real/real/c23/002', 'test', ('002',)),
        ('FaceForensics++/fake/Deepfakes/c23/000_000', 'train', ('000', '000')),
        ('FaceForensics++/fake/Deepfakes/c23/001_001', 'val', ('001', '001')),
        ('FaceForensics++/fake/Deepfakes/c23/002_002', 'test', ('002', '002')),
    ]
    clip = open_clip(tmp_path / 'out' / records[3].path)
    expected = np.stack([make_frame(i) for i in range(NUM_FRAMES)])
    np.testing.assert_array_equal(clip.read(range(NUM_FRAMES)), expected)


def test_videos_of_one_name_in_two_datasets_keep_their_own_frames(tmp_path):
    files, shown = [], {}
    for first, name in ((10, 'Celeb-DF-v1'), (50, 'Celeb-DF-v2')):
        labels = {}
        for step, kind in enumerate(('real', 'fake')):
            start = first + 20 * step
            paths = make_frames(
                tmp_path, f'{name}/{kind}/frames/000', range(start, start + NUM_FRAMES)
            )
            label = f'{name.replace("-", "")}_{kind}'
            labels[label] = {'test': {'000': entry(label, paths)}}
            shown[name, step] = [*range(start, start + NUM_FRAMES)]
        files.append(write_json(tmp_path / f'{name}.json', {name: labels}))
    run_import(files, tmp_path, tmp_path / 'out')
    for record in read_manifest(tmp_path / 'out/manifest.jsonl'):
        with open_clip(tmp_path / 'out' / record.path) as clip:
            found = [read_index(frame) for frame in clip.read(range(NUM_FRAMES))]
        assert found == shown.pop((record.key.dataset, record.key.label))
    assert not shown


FF_REAL = 'FaceForensics++/original_sequences/youtube/c23/frames'
DF40 = {  # place of the frames -> key; their lists begin with another root
    f'{FF_REAL}/001': 'DF40-ff/real/real/001',
    'DF40_train/simswap/frames/001_870': 'DF40-ff/fake/simswap/001_870',
    f'{FF_REAL}/953': 'DF40-ff/real/real/953',
    'DF40/simswap/ff/frames/953_974': 'DF40-ff/fake/simswap/953_974',
    'Celeb-DF-v2/Celeb-real/frames/id0_0000': 'DF40-cdf/real/real/id0_0000',
    'DF40/simswap/cdf/frames/id0_id1_0000': 'DF40-cdf/fake/simswap/id0_id1_0000',
    'DF40/heygen/real/frames/a': 'DF40-heygen/real/real/a',
    'DF40/heygen/fake/frames/a': 'DF40-heygen/fake/heygen/a',
}


def make_df40(root):
    """Files of two methods and of all face swaps, which list the real videos again."""
    files = {}
    for place in DF40:
        paths = make_frames(root, place)
        kind = 'Real' if 'real' in place or 'original' in place else 'Fake'
        split = 'train' if '001' in place else 'test'
        name = place.rpartition('/')[2]
        method = 'heygen' if 'heygen' in place else 'simswap'
        domain = '_cdf' if 'id0' in place else '' if method == 'heygen' else '_ff'
        for first, video in ((method, name), ('FSAll', f'{name}_again')):
            if first == 'FSAll' and domain != '_ff':
                continue
            labels = files.setdefault(f'{first}{domain}', {})
            splits = labels.setdefault(f'{first}_{kind}', {})
            start = './deepfakes_detection_datasets/'
            found = entry(f'{first}_{kind}', paths, start)
            splits.setdefault(split, {})[video] = found
    return {
        name: write_json(root / f'{name}.json', {name: labels})
        for name, labels in files.items()
    }


def test_videos_of_df40_have_the_method_and_domain_of_their_folder(tmp_path):
    files = make_df40(tmp_path)
    assert sorted(files) == ['FSAll_ff', 'heygen', 'simswap_cdf', 'simswap_ff']
    report = run_import(list(files.values()), tmp_path, tmp_path / 'out')
    assert report.defects == ()
    keys = {str(r.key).replace('/as_is', ''): r for r in report.records}
    assert set(keys) == set(DF40.values())
    assert len(report.records) == len(DF40)
    assert keys['DF40-ff/fake/simswap/001_870'].identities == ('001', '870')
    assert keys['DF40-ff/fake/simswap/001_870'].split == 'train'


def test_other_fakes_of_the_same_real_videos_are_not_those_of_df40(tmp_path):
    labels = {}
    for kind, place in (('Real', f'{FF_REAL}/953'), ('Fake', 'mine/frames/953_974')):
        found = {'a': entry(f'mine_{kind}', make_frames(tmp_path, place))}
        labels[f'mine_{kind}'] = {'test': found}
    path = write_json(tmp_path / 'mine.json', {'mine': labels})
    report = run_import(path, tmp_path, tmp_path / 'out')
    assert {record.key.dataset for record in report.records} == {'mine'}


def test_what_lists_and_files_of_df40_disagree_on_is_named(tmp_path):
    files = make_df40(tmp_path)
    make_frames(tmp_path, 'DF40/simswap/ff/frames/100_200')
    make_frames(tmp_path, 'DF40/simswap/ff/frames/953_974', [90])
    (tmp_path / 'DF40/simswap/cdf/frames/id0_id1_0000/002.png').unlink()
    content = json.loads(files['FSAll_ff'].read_text())
    content['FSAll_ff']['FSAll_Real']['train']['001_again']['frames'].pop()
    write_json(files['FSAll_ff'], content)
    report = run_import(list(files.values()), tmp_path, tmp_path / 'out')
    place = 'DF40/simswap/ff/frames'
    assert {d.kind: d.details for d in report.defects} == {
        'lists differ': '1 videos are listed again with other frames; the first list '
        'is used, such as DF40-ff/real/real/as_is/001',
        'missing files': '1 videos are kept as failed, such as '
        'DF40-cdf/fake/simswap/as_is/id0_id1_0000',
        'unlisted images': f'1 videos have images in no list, such as {place}/953_974',
        'unlisted folders': f'1 in {place} are in no list: 100_200',
    }


def test_frames_are_sorted_by_number_and_their_times_kept(tmp_path):
    numbers = (99, 100, 9, 1000)
    paths = make_frames(tmp_path, 'x/frames/a', numbers)
    content = {'S': {'S_real': {'test': {'a': entry('S_real', paths)}}}}
    report = run_import(
        write_json(tmp_path / 'S.json', content), tmp_path, tmp_path / 'o'
    )
    clip = open_clip(tmp_path / 'o' / report.records[0].path)
    np.testing.assert_allclose(clip.times_seconds * 25, sorted(numbers))
    assert [read_index(f) for f in clip.read(range(4))] == [9, 99, 100, 1000 % 256]
    assert 'frames between are missing' in kinds(report)
    assert sort_frames(['a/10.png', 'a\\9.png']) == ('a/9.png', 'a/10.png')
    assert sort_frames(['b.png', '9.png', 'a.png']) == ('9.png', 'a.png', 'b.png')


@pytest.mark.parametrize(
    'start', ['./', '', './datasets/rgb/', '/Users/someone/datasets/rgb/', 'C:\\data\\']
)
@pytest.mark.parametrize('slash', ['/', '\\'])
def test_paths_of_any_form_are_found(tmp_path, start, slash):
    paths = make_frames(tmp_path, 'UADFV/real/frames/a')
    video = entry('UADFV_Real', [p.replace('/', slash) for p in paths], start)
    content = {'UADFV': {'UADFV_Real': {'test': {'a': video}}}}
    path = write_json(tmp_path / 'UADFV.json', content)
    report = run_import(path, tmp_path, tmp_path / 'out')
    assert report.records[0].status == 'ok'
    assert report.records[0].num_frames == NUM_FRAMES


def test_only_the_last_frames_folder_is_replaced(tmp_path):
    path = 'frames/x/frames/a/0.png'
    assert replace_last_part(path, 'frames', 'masks') == 'frames/x/masks/a/0.png'
    assert replace_last_part('x/frames.png', 'frames', 'masks') == 'x/frames.png'
    paths = make_frames(tmp_path, 'frames/real/frames/a', landmarks=False)
    for number in range(NUM_FRAMES):
        place = tmp_path / 'frames/real/landmarks/a'
        place.mkdir(parents=True, exist_ok=True)
        np.save(place / f'{number:03d}.npy', np.full((81, 2), number))
    content = {'X': {'X_real': {'test': {'a': entry('X_real', paths)}}}}
    report = run_import(
        write_json(tmp_path / 'X.json', content), tmp_path, tmp_path / 'o'
    )
    points = np.load(tmp_path / 'o' / report.records[0].landmarks)['points']
    assert points.shape == (NUM_FRAMES, 81, 2)
    assert points[:, 0, 0].tolist() == list(range(NUM_FRAMES))


def test_landmarks_and_masks_beside_the_frames_are_taken_along(tmp_path):
    path = make_ffpp(tmp_path, landmarks=True, masks=True)
    record = run_import(path, tmp_path, tmp_path / 'out').records[3]
    assert record.landmarks == (
        'clips/FaceForensics++/Deepfakes/c23/000_000/track_0_landmarks.npz'
    )
    mask = open_clip(tmp_path / 'out' / record.mask)
    assert len(mask) == NUM_FRAMES and mask.read([2]).min() == 255


def test_folders_are_listed_where_nothing_is_to_be_copied(tmp_path):
    path = make_ffpp(tmp_path)
    records = run_import(path, tmp_path, tmp_path / 'o', clip_format=None).records
    assert records[0].path == (
        'pictures/FaceForensics++/original_sequences/youtube/c23/frames/000'
    )
    assert not (tmp_path / 'o/clips').exists()


# Known defects --------------------------------------------------------------------


def bench(tmp_path, dataset, labels, name=None):
    """Write a file of {label: {split: {video: folder}}}."""
    content = {}
    for label, splits in labels.items():
        for split, videos in splits.items():
            content.setdefault(label, {})[split] = {
                video: entry(label, make_frames(tmp_path, folder))
                for video, folder in videos.items()
            }
    return write_json(tmp_path / f'{name or dataset}.json', {dataset: content})


def test_single_record_in_place_of_a_map_is_named_after_its_folder(tmp_path):
    path = bench(tmp_path, 'DFDC', {'DFDC_Real': {'test': {'a': 'D/frames/a'}}})
    content = json.loads(path.read_text())
    last = entry('DFDC_Real', make_frames(tmp_path, 'D/frames/zzz'))
    content['DFDC']['DFDC_Real']['val'] = last
    report = run_import(write_json(path, content), tmp_path, tmp_path / 'out')
    assert [(r.key.name, r.split) for r in report.records] == [
        ('a', 'test'),
        ('zzz', 'val'),
    ]
    assert "'val' of 'DFDC_Real'" in details_of(report, 'single record')


def test_train_that_holds_the_test_videos_is_refused_or_cleaned(tmp_path):
    videos = {'id0_0000': 'C/Celeb-real/frames/id0_0000'}
    both = {**videos, 'id1_0000': 'C/Celeb-real/frames/id1_0000'}
    labels = {'CelebDFv2_real': {'train': both, 'val': videos, 'test': videos}}
    path = bench(tmp_path, 'Celeb-DF-v2', labels)
    with pytest.raises(DataError, match=r'1 of 2 .*--drop-train-test-overlap'):
        run_import(path, tmp_path, tmp_path / 'out')
    report = run_import(path, tmp_path, tmp_path / 'out', drop_train_test_overlap=True)
    assert [(r.key.name, r.split) for r in report.records] == [
        ('id0_0000', 'test'),
        ('id1_0000', 'train'),
    ]
    assert 'train and val and test' in details_of(report, 'several splits')


def test_validation_that_equals_the_test_set_is_reported(tmp_path):
    videos = {'a': 'P/frames/a', 'b': 'P/frames/b'}
    labels = {'DFDCP_FakeA': {'val': videos, 'test': videos}}
    report = run_import(bench(tmp_path, 'DFDCP', labels), tmp_path, tmp_path / 'out')
    assert [(r.key.method, r.split) for r in report.records] == 2 * [
        ('method_A', 'test')
    ]
    assert details_of(report, 'several splits').startswith(
        '2 videos are in val and test'
    )


def test_one_name_in_two_folders_becomes_two_videos(tmp_path):
    labels = {
        'CelebDFv1_real': {
            'train': {'a': 'C/Celeb-real/frames/a'},
            'test': {'a': 'C/YouTube-real/frames/a'},
        }
    }
    report = run_import(
        bench(tmp_path, 'Celeb-DF-v1', labels), tmp_path, tmp_path / 'out'
    )
    assert [(r.key.name, r.split) for r in report.records] == [
        ('a@Celeb-real', 'train'),
        ('a@YouTube-real', 'test'),
    ]


def test_file_that_indexes_another_name_is_reported(tmp_path):
    path = make_ffpp(tmp_path, name='FaceForensics++_c40')
    report = run_import(path, tmp_path, tmp_path / 'out')
    assert "'FaceForensics++_c40'" in details_of(report, 'file name')


def test_one_video_in_two_files_is_listed_once(tmp_path):
    files = [make_ffpp(tmp_path), make_ffpp(tmp_path, name='FF-DF')]
    assert len(run_import(files, tmp_path, tmp_path / 'out').records) == 6


def test_unknown_labels_and_splits_are_reported(tmp_path):
    labels = {
        'New_Real': {'test': {'a': 'N/real/frames/a'}},
        'New_Talk': {'test': {'b': 'N/fake/frames/b'}, 'extra': {'c': 'N/frames/c'}},
    }
    report = run_import(bench(tmp_path, 'New', labels), tmp_path, tmp_path / 'out')
    assert [(r.key.label, r.key.method) for r in report.records] == [
        (0, 'real'),
        (1, 'New_Talk'),
    ]
    assert "'New_Real' of 'New', taken as real" in details_of(report, 'unknown label')
    assert "'extra' of 'New_Talk'" in details_of(report, 'unknown split')


def test_videos_without_images_are_kept_as_failed(tmp_path):
    labels = {
        'UADFV_Real': {'test': {n: f'U/frames/{n}' for n in ('gone', 'torn', 'none')}}
    }
    path = bench(tmp_path, 'UADFV', labels)
    content = json.loads(path.read_text())
    videos = content['UADFV']['UADFV_Real']['test']
    videos['none']['frames'] = []
    videos['away'] = {'label': 'other', 'frames': ['../../etc/x/1.png']}
    write_json(path, content)
    (tmp_path / 'U/frames/gone/003.png').unlink()
    (tmp_path / 'U/frames/torn/003.png').write_bytes(b'x')
    report = run_import(path, tmp_path, tmp_path / 'out')
    assert {record.status for record in report.records} == {'failed'}
    faults = {record.key.name: record.fault for record in report.records}
    assert faults['away'].endswith('the first is ../../etc/x/1.png')
    assert faults['gone'].startswith('1 of 5 frames are missing')
    assert 'no frames' in faults['none'] and '003.png of torn' in faults['torn']
    # The folder of 'none' is there, but in no list.
    expected = {'label', 'no frames', 'missing files', 'damaged images'}
    expected.add('unlisted folders')
    assert set(kinds(report)) == expected
    missing = details_of(report, 'missing files')
    assert missing.startswith('2 videos') and missing.endswith('real/as_is/away')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{"a": ', 'JSON'),
        ('[]', 'the file is list'),
        ('{"A": {"A_real": {"test": {"a": 3}}}}', "video 'a' is int"),
        ('{"A": {"A_real": {"test": {}}}}', 'lists no video'),
    ],
)
def test_file_of_another_form_is_refused(tmp_path, content, message):
    (tmp_path / 'A.json').write_text(content)
    with pytest.raises(DataError, match=message):
        read_bench_file(tmp_path / 'A.json')


def test_import_over_a_manifest_is_refused(tmp_path):
    path = make_ffpp(tmp_path)
    run_import(path, tmp_path, tmp_path / 'out')
    with pytest.raises(DataError, match='already exists'):
        run_import(path, tmp_path, tmp_path / 'out')
    with pytest.raises(DataNotFoundError, match=r'no file .* of DeepfakeBench'):
        run_import(tmp_path / 'none.json', tmp_path, tmp_path / 'other')


# Export and back ------------------------------------------------------------------


def make_prepared(root, keys=None):
    """Prepared clips of FaceForensics++, with tracks, landmarks and masks."""
    keys = keys or [
        (VideoKey('FaceForensics++', 0, 'real', 'c23', '000'), 'train'),
        (VideoKey('FaceForensics++', 1, 'Deepfakes', 'c23', '000_001'), 'train'),
        (VideoKey('FaceForensics++', 1, 'FaceSwap', 'c40', '000_001'), 'test'),
    ]
    boxes = [[110 + i, 60, 140 + i, 100] for i in range(NUM_FRAMES)]
    track = FaceTrack(
        np.array(boxes, np.float32), first_frame=7, region=(90, 40, 218, 168), scale=0.5
    )
    records = []
    for key, split in keys:
        folder = f'clips/{key.method}/{key.compression}/{key.name}'
        make_clip(root / folder / 'track_0.tar', NUM_FRAMES)
        track.save(root / folder / 'track_0.npz')
        fields = dict(
            track_file=f'{folder}/track_0.npz',
            fps=25.0,
            num_frames=NUM_FRAMES,
            identities=tuple(key.name.split('_')),
            source=f'videos/{key.name}.mp4',
        )
        if key.label:
            make_clip(root / folder / 'track_0_mask.tar', NUM_FRAMES)
            points = np.arange(NUM_FRAMES * 136, dtype=np.float32) / 16
            np.savez(root / folder / 'l.npz', points=points.reshape(-1, 68, 2))
            fields |= dict(
                landmarks=f'{folder}/l.npz', mask=f'{folder}/track_0_mask.tar'
            )
        records.append(VideoRecord(key, f'{folder}/track_0.tar', split, **fields))
    faceless = VideoRecord(
        VideoKey(keys[0][0].dataset, 0, 'real', 'c23', '009'), '', 'test', ('009',),
        status='no_face',
    )  # fmt: skip
    with ManifestWriter(root / 'manifest.jsonl') as manifest:
        for record in (*records, faceless):
            manifest.append(record)
    return root / 'manifest.jsonl', [*records, faceless]


def test_round_trip_gives_everything_back(tmp_path):
    manifest, records = make_prepared(tmp_path / 'faces')
    bench_root = tmp_path / 'bench'
    exported = export_bench(manifest, bench_root, crop='none')
    assert (exported.num_videos, exported.num_frames) == (3, 3 * NUM_FRAMES)
    assert [note[:23] for note in exported.notes] == ['1 videos without a face']
    report = run_import(list(exported.files), bench_root, tmp_path / 'back')
    assert report.defects == ()
    back = {record.key: record for record in report.records}
    assert set(back) == {record.key for record in records}
    for record in records:
        other = back[record.key]
        for name in ('split', 'identities', 'fps', 'num_frames', 'source', 'status'):
            assert getattr(other, name) == getattr(record, name), name
        if record.status != 'ok':
            continue
        for path_of in ('path', 'mask'):
            mine, theirs = getattr(record, path_of), getattr(other, path_of)
            assert (mine is None) == (theirs is None)
            if mine is not None:
                one = open_clip(tmp_path / 'faces' / mine).read(range(NUM_FRAMES))
                two = open_clip(tmp_path / 'back' / theirs).read(range(NUM_FRAMES))
                np.testing.assert_array_equal(one, two)
        one = FaceTrack.load(tmp_path / 'faces' / record.track_file)
        two = FaceTrack.load(tmp_path / 'back' / other.track_file)
        np.testing.assert_array_equal(one.boxes, two.boxes)
        assert (one.first_frame, one.region, one.scale) == (
            two.first_frame,
            two.region,
            two.scale,
        )
        if record.landmarks:
            one = np.load(tmp_path / 'faces' / record.landmarks)['points']
            two = np.load(tmp_path / 'back' / other.landmarks)['points']
            np.testing.assert_allclose(one, two)


def test_export_has_their_files_levels_and_names(tmp_path):
    manifest, _ = make_prepared(tmp_path / 'faces')
    exported = export_bench(manifest, tmp_path / 'bench')
    assert sorted(path.name for path in exported.files) == [
        'FF-DF.json',
        'FF-FS.json',
        'FaceForensics++.json',
    ]
    content = json.loads((tmp_path / 'bench/dataset_json/FF-DF.json').read_text())
    assert list(content['FF-DF']) == ['FF-real', 'FF-DF']
    assert list(content['FF-DF']['FF-DF']) == ['train', 'val', 'test']
    video = content['FF-DF']['FF-DF']['train']['c23']['000_001']
    folder = './FaceForensics++/manipulated_sequences/Deepfakes/c23/frames/000_001'
    assert video['label'] == 'FF-DF'
    assert video['frames'] == [f'{folder}/{i:03d}.png' for i in range(7, 12)]
    assert video['masks'][0] == f'{folder.replace("frames", "masks")}/007.png'
    assert (tmp_path / 'bench' / video['frames'][0]).is_file()
    landmark = folder.replace('frames', 'landmarks') + '/007.npy'
    assert np.load(tmp_path / 'bench' / landmark).shape == (68, 2)


def test_sets_without_levels_have_none(tmp_path):
    key = VideoKey('Celeb-DF-v2', 1, 'Celeb-synthesis', 'as_is', 'id0_id1_0000')
    manifest, _ = make_prepared(tmp_path / 'faces', [(key, 'test')])
    (path,) = export_bench(manifest, tmp_path / 'bench').files
    content = json.loads(path.read_text())
    assert path.name == 'Celeb-DF-v2.json'
    assert list(content['Celeb-DF-v2']['CelebDFv2_fake']['test']) == ['id0_id1_0000']


def test_methods_that_share_a_label_keep_their_videos_apart(tmp_path):
    keys = [
        (VideoKey('DeeperForensics-1.0', 1, method, 'as_is', 'a'), 'test')
        for method in ('end_to_end', 'reenact')
    ]
    manifest, _ = make_prepared(tmp_path / 'faces', keys)
    (path,) = export_bench(manifest, tmp_path / 'bench').files
    videos = json.loads(path.read_text())['DeeperForensics-1.0']['DF_fake']['test']
    assert list(videos) == ['a@end_to_end@as_is', 'a@reenact@as_is']
    back = run_import(path, tmp_path / 'bench', tmp_path / 'back')
    assert {record.key for record in back.records[:2]} == {key for key, _ in keys}


def test_export_cuts_the_face_and_moves_its_landmarks(tmp_path):
    manifest, records = make_prepared(tmp_path / 'faces')
    export_bench(manifest, tmp_path / 'bench', side_px=32, margin_ratio=1.0)
    folder = 'FaceForensics++/manipulated_sequences/Deepfakes/c23'
    image = cv2.imread(str(tmp_path / f'bench/{folder}/frames/000_001/009.png'))
    # Frame 2: the box (112, 60, 142, 100) is (11, 10, 26, 30) in the clip, whose
    # longer side makes the square (8, 10, 28, 30).
    clip = open_clip(tmp_path / 'faces' / records[1].path).read([2])[0]
    expected = cv2.resize(clip[10:30, 8:28], (32, 32), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_array_equal(image[..., ::-1], expected)
    points = np.load(tmp_path / f'bench/{folder}/landmarks/000_001/009.npy')
    source = np.load(tmp_path / 'faces' / records[1].landmarks)['points'][2]
    np.testing.assert_allclose(points, (source - [8, 10]) * 1.6, rtol=1e-6)


def test_export_can_take_frames_evenly_spread(tmp_path):
    manifest, _ = make_prepared(tmp_path / 'faces')
    exported = export_bench(manifest, tmp_path / 'bench', num_frames=3)
    assert exported.num_frames == 9
    names = sorted(p.name for p in (tmp_path / 'bench').glob('**/c40/frames/*/*.png'))
    assert names == ['007.png', '009.png', '011.png']
    report = run_import(list(exported.files), tmp_path / 'bench', tmp_path / 'back')
    assert kinds(report) == ['frames between are missing']


def test_invalid_exports_are_refused(tmp_path):
    manifest, records = make_prepared(tmp_path / 'faces')
    with pytest.raises(DataError, match='not empty'):
        export_bench(manifest, tmp_path / 'faces')
    with pytest.raises(ConfigError, match=r"'warp'.*'face', 'none'"):
        export_bench(manifest, tmp_path / 'a', crop='warp')
    with pytest.raises(ConfigError, match='side 0'):
        export_bench(manifest, tmp_path / 'a', side_px=0)
    with ManifestWriter(tmp_path / 'raw/manifest.jsonl') as writer:
        writer.append(replace(records[0], path='a.mp4'))
    with pytest.raises(DataError, match=r"'a\.mp4'"):
        export_bench(tmp_path / 'raw/manifest.jsonl', tmp_path / 'b')


def test_tool_imports_what_it_exported(tmp_path, capsys):
    def run(*words):
        return run_tool_here(ROOT / 'tools/deepfakebench.py', *words)

    manifest, _ = make_prepared(tmp_path / 'faces')
    assert run('export', manifest, '--out', tmp_path / 'bench', '--num-frames', 2) == 0
    assert '3 videos, 6 images' in capsys.readouterr().out
    files = sorted((tmp_path / 'bench/dataset_json').glob('*[!e].json'))
    words = ('--bench-root', tmp_path / 'bench', '--out', tmp_path / 'back')
    assert run('import', *files, *words, '--in-place') == 0
    text = capsys.readouterr().out
    assert 'frames between are missing: 3 videos' in text
    assert '4 videos, 3 of them usable; 1 kinds of defects' in text
    assert run('import', *files, *words) == 2
    assert 'already exists' in capsys.readouterr().err
