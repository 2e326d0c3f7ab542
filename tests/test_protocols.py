"""The protocols' configs train, validate and test on what their names say."""

from pathlib import PurePath

import pytest
from config_reading import datasets_of, list_configs, read_config

PROTOCOLS = [PurePath(name).stem for name in list_configs('protocols/*.py')]
SHORT = {
    'df': 'Deepfakes',
    'f2f': 'Face2Face',
    'fs': 'FaceSwap',
    'nt': 'NeuralTextures',
}
LEVELS = {'hq': 'c23', 'lq': 'c40'}
# Stem of the config that a protocol departs from -> its folder.
FULL = {'ratf_r50_ffpp_lq': '', 'ratf_r50_ffpp_hq': '', 'ratf_r18_miniff': 'miniff/'}


def read(stem):
    return read_config(f'protocols/{stem}.py')


@pytest.mark.parametrize('short', SHORT)
@pytest.mark.parametrize('full', ['ratf_r50_ffpp_lq', 'ratf_r18_miniff'])
def test_manipulation_left_out_is_the_one_tested(full, short):
    train, val, test = datasets_of(read(f'{full}_without_{short}'))
    others = set(SHORT.values()) - {SHORT[short]}
    assert set(train.methods) == set(val.methods) == others
    assert test.methods == [SHORT[short]]
    assert {one.compression for one in (train, val, test)} == {'c40'}


@pytest.mark.parametrize(('one', 'other'), [('hq', 'lq'), ('lq', 'hq')])
@pytest.mark.parametrize('stem', ['ratf_r50_ffpp', 'ratf_r18_miniff'])
def test_compression_of_the_test_is_the_other_one(stem, one, other):
    train, val, test = datasets_of(read(f'{stem}_{one}_to_{other}'))
    assert train.compression == val.compression == LEVELS[one]
    assert test.compression == LEVELS[other]
    assert set(train.methods) == set(test.methods) == set(SHORT.values())


def test_every_protocol_is_one_of_the_two():
    leave_one_out = {f'{f}_without_{s}' for f in FULL for s in SHORT}
    across = {f'{f}_{w}' for f in FULL for w in ('hq_to_lq', 'lq_to_hq')}
    across |= {'ratf_r50_ffpp_hq_to_lq', 'ratf_r50_ffpp_lq_to_hq'}
    assert set(PROTOCOLS) <= leave_one_out | across
    assert len(PROTOCOLS) == 12


@pytest.mark.parametrize('stem', PROTOCOLS)
def test_nothing_but_the_videos_differs_from_the_full_config(stem):
    full = stem.split('_without_')[0].removesuffix('_to_lq').removesuffix('_to_hq')
    if 'miniff' in full:
        full = 'ratf_r18_miniff'
    expected = read_config(f'{FULL[full]}{full}.py')
    found = read(stem)
    for cfg in (found, expected):
        for dataset in datasets_of(cfg):
            del dataset['methods'], dataset['compression']
    kept = found.to_dict()
    kept.pop('trained', None)
    assert kept == expected.to_dict()


@pytest.mark.parametrize('quality', LEVELS)
@pytest.mark.parametrize('short', SHORT)
def test_one_model_for_each_manipulation_sees_no_other(quality, short):
    cfg = read_config(f'ratf_r50_ffpp_{quality}_{short}.py')
    for dataset in datasets_of(cfg):
        assert dataset.methods == [SHORT[short]]
        assert dataset.compression == LEVELS[quality]


@pytest.mark.parametrize(
    ('stem', 'root'),
    [
        ('ratf_r50_ffpp_lq_to_celeb_df', 'data/celeb_df_faces'),
        ('ratf_r50_ffpp_lq_to_dfdc_preview', 'data/dfdc_preview_faces'),
        ('ratf_r50_ffpp_lq_to_ffpp_df', 'data/ffpp_faces'),
    ],
)
def test_cross_dataset_models_see_the_four_manipulations_at_low_quality(stem, root):
    train, val, test = datasets_of(read_config(f'cross/{stem}.py'))
    for seen in (train, val):
        assert set(seen.methods) == set(SHORT.values())
        assert (seen.compression, seen.data_root) == ('c40', 'data/ffpp_faces')
    assert test.data_root == root
