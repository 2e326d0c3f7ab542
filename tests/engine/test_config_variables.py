import pytest
from config_reading import CONFIGS, read_config
from mmengine.config import Config

from mmdeepfake.apis import load_config
from mmdeepfake.engine.config_checks import check_config
from mmdeepfake.engine.config_variables import find_idle_variables
from mmdeepfake.errors import ConfigError

MINIFF = CONFIGS / 'miniff/ratf_r18_miniff.py'
BASE = """
data_root = 'data/ffpp'
num_frames, side_px, rate = 4, 64, 0.1
crop = [dict(type='CropFace'), dict(type='Resize', scale=(side_px, side_px))]
train_pipeline = [dict(type='SampleSnippets', clip_len=num_frames), *crop]
common = dict(type='X', data_root=data_root)
train_dataloader = dict(dataset=dict(**common, pipeline=train_pipeline))
train_cfg = dict(max_epochs=4)
optim_wrapper = dict(optimizer=dict(lr=rate))
note = 'nothing reads this'
"""
PIPELINE = 'train_dataloader.dataset.pipeline'


@pytest.fixture
def leaf(tmp_path):
    """Return a function that writes a config with two levels of bases."""

    def write(lines, middle=''):
        (tmp_path / 'base.py').write_text(BASE)
        (tmp_path / 'middle.py').write_text(f"_base_ = 'base.py'\n{middle}\n")
        path = tmp_path / 'leaf.py'
        path.write_text(f"_base_ = ['middle.py']\n{lines}\n")
        return path

    return write


@pytest.mark.parametrize(
    ('key', 'value', 'place'),
    [
        ('num_frames', 8, f'Set {PIPELINE}.0.clip_len=8 instead'),
        ('rate', 0.5, 'Set optim_wrapper.optimizer.lr=0.5 instead'),
        ('side_px', 32, f'Set {PIPELINE}.2.scale instead'),
        ('train_pipeline', [], f'Set {PIPELINE}=[] instead'),
        ('train_pipeline.0.clip_len', 8, f'Set {PIPELINE}.0.clip_len=8 instead'),
        ('crop', [], f'Set {PIPELINE} instead'),
        ('crop.1.scale', (32, 32), f'Set {PIPELINE}.2.scale=(32, 32) instead'),
        ('common.data_root', '/x', "Set train_dataloader.dataset.data_root='/x' inst"),
        ('common', {}, 'Set train_dataloader.dataset instead'),
        ('note', 'x', "'nothing reads this'"),
    ],
)
def test_option_of_a_variable_is_rejected_with_the_setting_to_use(
    leaf, key, value, place
):
    path = leaf('')
    with pytest.raises(ConfigError) as rejected:
        load_config(path, {key: value})
    assert place in str(rejected.value)
    assert f'{key}={value!r}' in str(rejected.value)
    # As a run leaves it: without bases, so the use of most variables is unknown.
    path.write_text(Config.fromfile(path).dump())
    with pytest.raises(ConfigError) as rejected:
        load_config(path, {key: value})
    if key not in ('num_frames', 'rate', 'side_px', 'crop'):
        assert place in str(rejected.value)


@pytest.mark.parametrize(
    'key',
    ['train_pipeline.1.num_snippets', 'learning_rate', 'dataset_name', 'max_epochs'],
)
def test_setting_in_a_message_has_an_effect(key):
    with pytest.raises(ConfigError) as rejected:
        load_config(MINIFF, {key: 5})
    lines = str(rejected.value).partition('Set ')[2].removesuffix(' instead').split()
    cfg = load_config(MINIFF, {one.removesuffix('=5'): 5 for one in lines})
    plain = read_config('miniff/ratf_r18_miniff.py')
    names = {one.split('.')[0] for one in lines}
    assert names and all(cfg[name] != plain[name] for name in names)


@pytest.mark.parametrize(
    ('line', 'place'),
    [
        ("data_root = '/x'", "Set train_dataloader.dataset.data_root='/x' instead"),
        ('num_frames = 8', f'Set {PIPELINE}.0.clip_len=8 instead'),
        ('a, rate = 1, 0.5', 'Set optim_wrapper.optimizer.lr=0.5 instead'),
        ("common = dict(data_root='/x')", 'train_dataloader.dataset'),
        ('train_pipeline = [dict(type="X")]', f'Set {PIPELINE}='),
        ('crop = [dict(type="X")]', f'Set {PIPELINE} instead'),
        ('train_dataloder = dict(batch_size=4)', "'train_dataloader'?"),
    ],
)
def test_line_without_effect_is_rejected_in_a_leaf_and_in_its_base(leaf, line, place):
    for path in (leaf(line), leaf('', middle=line)):
        with pytest.raises(ConfigError) as rejected:
            check_config(Config.fromfile(path))
        assert place in str(rejected.value)


@pytest.mark.parametrize(
    'lines',
    [
        '',
        "train_dataloader = dict(dataset=dict(data_root='/x'))",
        "data_root = '/x'\ntrain_dataloader = dict(dataset=dict(data_root=data_root))",
        "data_root = '/x'\ntrain_dataloader = dict(dataset=dict(data_root='/x'))",
        'crop = [dict(type="X")]\n'
        'train_dataloader = dict(dataset=dict(pipeline=[*crop]))',
        'train_pipeline = [*_base_.train_pipeline[:1], dict(type="X")]\n'
        'train_dataloader = dict(dataset=dict(pipeline=train_pipeline))',
        'my_note = 1',  # harmless: nobody ever read it
        "note = 'mine'",
        'rate = 0.1',
    ],
)
def test_line_with_an_effect_passes(leaf, lines):
    check_config(Config.fromfile(leaf(lines)))
    check_config(Config.fromfile(leaf('', middle=lines)))


@pytest.mark.parametrize('text', ['_base_ = [', '_base_ = [name]', ''])
def test_file_that_cannot_be_read_has_no_idle_variables(tmp_path, text):
    path = tmp_path / 'x.py'
    path.write_text(text)
    assert find_idle_variables(path) == set()
    assert find_idle_variables(tmp_path / 'none.py') == set()
