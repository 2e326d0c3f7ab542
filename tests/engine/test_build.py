import shutil

import pytest
from mmengine.config import Config

from mmdeepfake.apis import load_config
from mmdeepfake.engine.build import check_option_key, spread_over_datasets
from mmdeepfake.errors import ConfigError, DataNotFoundError

TEXT = """
data_root = 'data/ffpp'
methods = ['Deepfakes', 'FaceSwap']
clip_len = 4
pipeline = [dict(type='OpenVideo'), dict(type='SampleSnippets', clip_len=clip_len)]
common = dict(type='X', data_root=data_root, methods=methods, pipeline=pipeline)
train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    dataset=dict(type='RepeatDataset', times=2, dataset=common),
)
val_dataloader = dict(num_workers=2, dataset=common)
test_dataloader = dict(num_workers=2, dataset=dict(type='X', data_root='data/celeb'))
optim_wrapper = dict(optimizer=dict(type='Adam', lr=0.1))
load_from = None
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(TEXT)
    return path


# Reading


@pytest.mark.parametrize(
    ('name', 'text', 'error', 'message'),
    [
        ('best.pth', 'PK', ConfigError, r'best\.pth'),
        ('confg.py', None, DataNotFoundError, r'confg\.py.*config\.py'),
        ('a.py', "_base_ = ['none.py']", ConfigError, r'none\.py'),
        ('a.py', 'x = 1\ny = (\n', ConfigError, r'line 2: y = \('),
        ('a.py', 'x = undefined_name', ConfigError, "'undefined_name'"),
        ('a.py', "_base_ = ['config.py', 'copy.py']", ConfigError, 'Duplicate keys'),
    ],
)
def test_unreadable_config_is_named_with_its_error(path, name, text, error, message):
    shutil.copy(path, path.with_name('copy.py'))
    if text is not None:
        path.with_name(name).write_text(text)
    with pytest.raises(error, match=message):
        load_config(path.with_name(name))


def test_name_of_a_config_of_the_package_is_shown_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataNotFoundError, match=r'one of this name: /.*_lq\.py'):
        load_config('ratf_r50_ffpp_lq')


def test_workers_are_not_kept_nor_waited_for_where_there_are_none(path):
    options = {'train_dataloader.num_workers': 0, 'train_dataloader.timeout': 60}
    cfg = load_config(path, options)
    assert cfg.train_dataloader.persistent_workers is False
    assert 'timeout' not in cfg.train_dataloader
    assert load_config(path).train_dataloader.persistent_workers is True


# Options that reach every dataset


def roots(cfg):
    return (
        cfg.train_dataloader.dataset.dataset.data_root,
        cfg.val_dataloader.dataset.data_root,
        cfg.test_dataloader.dataset.data_root,
    )


def test_data_root_reaches_the_datasets_that_shared_it(path):
    cfg = load_config(path, {'data_root': '/mine'})
    assert roots(cfg) == ('/mine', '/mine', 'data/celeb')
    assert cfg.data_root == '/mine'


def test_long_form_reaches_one_dataset(path):
    cfg = load_config(path, {'val_dataloader.dataset.data_root': '/mine'})
    assert roots(cfg) == ('data/ffpp', '/mine', 'data/celeb')


@pytest.mark.parametrize('value', [['FaceSwap'], 'FaceSwap'])
def test_methods_may_be_one_word(path, value):
    cfg = load_config(path, {'methods': value})
    assert cfg.train_dataloader.dataset.dataset.methods == ['FaceSwap']
    # It had no methods of its own, which means the default of its class.
    assert cfg.test_dataloader.dataset.methods == ['FaceSwap']


def test_value_without_a_common_variable_reaches_equal_datasets(path):
    cfg = load_config(path, {'compression': 'c23'})
    assert cfg.val_dataloader.dataset.compression == 'c23'


def test_datasets_that_differ_ask_for_the_long_form():
    cfg = Config(
        {
            'train_dataloader': {'dataset': {'type': 'X', 'data_root': 'a'}},
            'val_dataloader': {'dataset': {'type': 'X', 'data_root': 'b'}},
        }
    )
    with pytest.raises(ConfigError, match=r'set one of train_dataloader\.dataset'):
        spread_over_datasets(cfg, 'data_root', 'c')


def test_value_without_a_dataset_is_rejected():
    dataset = {'type': 'X', 'data_root': 'a'}
    cfg = Config({'data_root': 'b', 'train_dataloader': {'dataset': dataset}})
    with pytest.raises(ConfigError, match=r'set train_dataloader\.dataset\.data_root'):
        spread_over_datasets(cfg, 'data_root', 'c')
    with pytest.raises(ConfigError, match='no dataset'):
        spread_over_datasets(Config({}), 'data_root', 'c')


# Mistyped keys


@pytest.mark.parametrize(
    'key',
    [
        'train_dataloader.batch_size',
        'train_dataloader.dataset.times',
        'train_dataloader.dataset.new_argument',
        'val_dataloader.dataset.pipeline.1.clip_len',
        'optim_wrapper.clip_grad.max_norm',
        'load_from.anything',
        'randomness.seed',
        'resume',
    ],
)
def test_existing_and_additional_keys_pass(path, key):
    check_option_key(load_config(path), key)


@pytest.mark.parametrize(
    ('key', 'message'),
    [
        ('train_dataloder.batch_size', "'train_dataloder' .* 'train_dataloader'"),
        ('train_dataloader.batchsize', 'batch_size'),
        ('optim_wrapper.optimiser.lr', 'optimizer'),
        ('zzz', "'zzz' .* clip_len, common"),
        ('clip_len.x', 'clip_len is 4'),
        ('pipeline.2.clip_len', "'2' .* 0 to 1"),
        ('pipeline.first', "'first' .* 0 to 1"),
    ],
)
def test_mistyped_key_is_rejected_with_existing_ones(path, key, message):
    with pytest.raises(ConfigError, match=message):
        check_option_key(load_config(path), key)
