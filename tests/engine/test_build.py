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


def test_checkpoint_in_place_of_a_config_is_called_that(tmp_path):
    (tmp_path / 'best.pth').write_bytes(b'PK')
    with pytest.raises(ConfigError, match=r'best\.pth.*swapped'):
        load_config(tmp_path / 'best.pth')


def test_missing_config_is_named_with_its_neighbours(path):
    with pytest.raises(DataNotFoundError, match=r'no such config file: .*confg\.py; '):
        load_config(path.with_name('confg.py'))


def test_missing_base_is_named(path):
    path.write_text("_base_ = ['none.py']")
    with pytest.raises(ConfigError, match=r'a _base_ of .* is missing: .*none\.py'):
        load_config(path)


def test_syntax_error_names_the_line(path):
    path.write_text('x = 1\ny = (\n')
    with pytest.raises(
        ConfigError, match=r'config\.py, or .* not valid Python: .*line 2: y = \('
    ):
        load_config(path)


def test_undefined_name_is_an_error_of_the_config(path):
    path.write_text('x = undefined_name\n')
    with pytest.raises(ConfigError, match=r"cannot read config .*'undefined_name'"):
        load_config(path)


def test_duplicate_variable_of_two_bases_is_an_error_of_the_config(path, tmp_path):
    for name in 'ab':
        (tmp_path / f'{name}.py').write_text('x = 1')
    path.write_text("_base_ = ['a.py', 'b.py']")
    with pytest.raises(ConfigError, match='Duplicate keys'):
        load_config(path)


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
    message = (
        r'the datasets .* differ in data_root; set one of train_dataloader\.dataset'
    )
    with pytest.raises(ConfigError, match=message):
        spread_over_datasets(cfg, 'data_root', 'c')


def test_value_that_reaches_nothing_is_refused():
    dataset = {'type': 'X', 'data_root': 'a'}
    cfg = Config({'data_root': 'b', 'train_dataloader': {'dataset': dataset}})
    with pytest.raises(ConfigError, match='would reach no dataset; set train_datal'):
        spread_over_datasets(cfg, 'data_root', 'c')
    with pytest.raises(ConfigError, match='has no dataset to give it to'):
        spread_over_datasets(Config({}), 'data_root', 'c')


# Slips in keys


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
        (
            'train_dataloder.batch_size',
            "no 'train_dataloder' .* mean train_dataloader",
        ),
        ('train_dataloader.batchsize', 'did you mean batch_size'),
        ('optim_wrapper.optimiser.lr', 'did you mean optimizer'),
        ('zzz', r"no 'zzz' in the top level of the config, which has clip_len, common"),
        ('clip_len.x', 'clip_len is 4 and has no keys'),
        ('pipeline.2.clip_len', "a list of 2 items; '2' is none of 0 to 1"),
        ('pipeline.first', "'first' is none of 0 to 1"),
    ],
)
def test_slip_is_refused_with_what_is_there(path, key, message):
    with pytest.raises(ConfigError, match=message):
        check_option_key(load_config(path), key)
