"""The configs of the datasets match the layouts."""

import pytest
from builders import keys_of
from config_reading import LOADERS, list_configs, read_config
from layout_trees import TREES, make_dfd, make_ffpp

from mmdeepfake.layouts import CLASSIC_METHODS, LAYOUTS
from mmdeepfake.registry import DATASETS
from mmdeepfake.structures import VideoRecord
from mmdeepfake.structures.manifest import ManifestWriter


def make_four_methods(root):
    for method in CLASSIC_METHODS:
        make_ffpp(root, method, level='c40')
    return root


def make_list_of_three_splits(root):
    root.mkdir()
    rows = [
        f'{split}_{label}.mp4,{label},{split}'
        for split in ('train', 'val', 'test')
        for label in ('real', 'fake')
    ]
    (root / 'list.csv').write_text('\n'.join(['path,label,split', *rows]))
    return root


def prepare(name, root, out, **options):
    """Write the manifest of a tree as if one clip had been cut out of each video.

    Returns:
        The listed videos.
    """
    out.mkdir()
    (out / 'clip.mp4').write_bytes(b'no video, but something')
    videos = LAYOUTS[name].list_videos(root, **options)
    with ManifestWriter(out / 'manifest.jsonl') as manifest:
        for video in videos:
            manifest.append(
                VideoRecord(
                    video.key, 'clip.mp4', video.split, identities=video.identities
                )
            )
    return videos


def build(config, loader, out):
    dataset = read_config(config)[loader].dataset
    return DATASETS.build(dict(dataset, data_root=str(out), check_files='stat'))


@pytest.mark.parametrize(
    ('name', 'config', 'make', 'options'),
    [
        ('ffpp', 'ratf_r50_ffpp_lq.py', make_four_methods, {}),
        (
            *('ffpp', 'ratf_r50_faceshifter_lq.py'),
            lambda root: make_ffpp(root, 'FaceShifter', 'c40'),
            {'methods': ['FaceShifter']},
        ),
        ('celeb_df', 'ratf_r50_celeb_df.py', TREES['celeb_df'], {}),
        ('celeb_df', 'ratf_r50_celeb_df_v1.py', TREES['celeb_df'], {}),
        ('celeb_df_pp', 'ratf_r50_celeb_df_pp.py', TREES['celeb_df_pp'], {}),
        ('dfdc', 'ratf_r50_dfdc.py', TREES['dfdc'], {}),
        ('dfdc_preview', 'ratf_r50_dfdc_preview.py', TREES['dfdc_preview'], {}),
        (
            *('wild_deepfake', 'ratf_r50_wild_deepfake.py'),
            lambda root: TREES['wild_deepfake'](root, num_archives=30),
            {},
        ),
        ('folder', 'ratf_r50_own_faces.py', TREES['folder'], {}),
        ('csv', 'ratf_r50_own_faces.py', make_list_of_three_splits, {}),
        (
            *('deeper_forensics', 'ratf_r50_deeper_forensics.py'),
            TREES['deeper_forensics'],
            {},
        ),
    ],
    ids=lambda value: value.removesuffix('.py') if isinstance(value, str) else '',
)
def test_all_splits_of_a_prepared_set_are_read(tmp_path, name, config, make, options):
    out = tmp_path / 'faces'
    listed = prepare(name, make(tmp_path / 'raw'), out, **options)
    for loader in LOADERS:
        dataset = build(config, loader, out)
        read = set(keys_of(dataset))
        assert read == {v.key for v in listed if v.split == dataset.split}
        assert {key.label for key in read} == {0, 1}


def test_deepfakedetection_is_a_test_set(tmp_path):
    out = tmp_path / 'faces'
    prepare('dfd', make_dfd(tmp_path / 'raw', level='c40'), out)
    config = 'cross/ratf_r50_ffpp_lq_to_dfd.py'
    read = keys_of(build(config, 'test_dataloader', out))
    assert [(key.dataset, key.label) for key in read] == [
        ('DeepFakeDetection', 0),
        ('DeepFakeDetection', 1),
    ]


def test_fakeavceleb_is_a_test_set(tmp_path):
    out = tmp_path / 'faces'
    prepare('fakeavceleb', TREES['fakeavceleb'](tmp_path / 'raw'), out)
    config = 'cross/ratf_r50_ffpp_lq_to_fakeavceleb.py'
    read = keys_of(build(config, 'test_dataloader', out))
    assert {key.method for key in read} == {'real', 'fsgan', 'wav2lip'}


@pytest.mark.parametrize('name', list_configs('cross/*.py'))
def test_cross_dataset_config_swaps_the_test_set_alone(name):
    cfg, own = read_config(name), read_config('ratf_r50_ffpp_lq.py')
    for key in ('model', 'train_dataloader', 'val_dataloader', 'optim_wrapper'):
        assert cfg[key] == own[key], key
    tested, before = cfg.test_dataloader.dataset, own.test_dataloader.dataset
    assert tested.pipeline == before.pipeline
    assert tested.split == 'test'
    where = [(d.data_root, d.methods, d.compression) for d in (tested, before)]
    assert where[0] != where[1]


@pytest.mark.parametrize(
    ('target', 'intra'),
    [
        ('celeb_df', 'celeb_df'),
        ('celeb_df_pp', 'celeb_df_pp'),
        ('dfdc', 'dfdc'),
        ('dfdc_preview', 'dfdc_preview'),
        ('wild_deepfake', 'wild_deepfake'),
        ('faceshifter', 'faceshifter_lq'),
    ],
)
def test_a_set_is_tested_alike_within_and_across(target, intra):
    across = read_config(f'cross/ratf_r50_ffpp_lq_to_{target}.py')
    within = read_config(f'ratf_r50_{intra}.py')
    assert across.test_dataloader == within.test_dataloader


@pytest.mark.parametrize('name', list_configs('ratf_r50_*.py'))
def test_sets_differ_in_their_data_alone(name):
    cfg, ffpp = read_config(name), read_config('ratf_r50_ffpp_lq.py')
    places = {'type', 'data_root', 'prepared_from', 'methods', 'compression'}
    places.add('test_shows_known_persons')

    def without_data(loader):
        dataset = {k: v for k, v in loader.dataset.items() if k not in places}
        return {**loader, 'dataset': dataset}

    for loader in LOADERS:
        assert without_data(cfg[loader]) == without_data(ffpp[loader])
    assert cfg.model == ffpp.model


def test_uncropped_config_reads_the_downloaded_folders(realff):
    dataset = dict(
        read_config('ratf_r50_ffpp_lq_uncropped.py').val_dataloader.dataset,
        data_root=str(realff),
        methods=['FaceSwap'],
    )
    assert len(DATASETS.build(dataset)) == 4
