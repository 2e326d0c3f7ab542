from pathlib import Path

import pytest
from mmengine.config import Config

from mmdeepfake.apis import load_config
from mmdeepfake.engine.config_checks import check_config
from mmdeepfake.engine.config_variables import find_idle_variables
from mmdeepfake.errors import ConfigError

MINIFF = Path(__file__).resolve().parents[2] / 'configs/miniff/ratf_r18_miniff.py'
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
    """Write a config with two levels of bases; give its path."""

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
        ('note', 'x', "No setting of the run has its value, 'nothing reads this'"),
    ],
)
@pytest.mark.parametrize('is_dump', [False, True])
def test_option_of_a_variable_is_refused_with_the_line_that_works(
    leaf, key, value, place, is_dump
):
    path = leaf('')
    if is_dump:  # as a run leaves it: without bases, and without a word of what is used
        Config.fromfile(path).dump(str(path))
        if key in ('num_frames', 'rate', 'side_px', 'crop'):
            place = f'--cfg-options {key}={value!r} has no effect'
    with pytest.raises(ConfigError) as refused:
        load_config(path, {key: value})
    assert place in str(refused.value)
    assert f'{key}={value!r}' in str(refused.value)


@pytest.mark.parametrize(
    'key',
    [
        'train_pipeline.1.num_snippets',
        'test_pipeline.1.num_snippets',
        'learning_rate',
        'dataset_name',
        'in_channels',
        'dataset.data_root',
        'num_snippets_train',
        'max_epochs',
    ],
)
def test_line_that_a_message_names_takes_effect(key):
    """What stands in the message is an option that changes the run."""
    with pytest.raises(ConfigError) as refused:
        load_config(MINIFF, {key: 3})
    lines = str(refused.value).partition('Set ')[2].removesuffix(' instead').split()
    cfg = load_config(MINIFF, {one.removesuffix('=3'): 3 for one in lines})
    plain = load_config(MINIFF)
    assert lines
    assert all(
        cfg[name] != plain[name] for name in {one.split('.')[0] for one in lines}
    )


@pytest.mark.parametrize(
    ('line', 'place'),
    [
        ("data_root = '/x'", "Set train_dataloader.dataset.data_root='/x' instead"),
        ('num_frames = 8', f'Set {PIPELINE}.0.clip_len=8 instead'),
        ('a, rate = 1, 0.5', 'Set optim_wrapper.optimizer.lr=0.5 instead'),
        ("common = dict(data_root='/x')", 'train_dataloader.dataset'),
        ('train_pipeline = [dict(type="X")]', f'Set {PIPELINE}='),
        ('crop = [dict(type="X")]', f'Set {PIPELINE} instead'),
        ('train_dataloder = dict(batch_size=4)', 'did you mean train_dataloader?'),
    ],
)
def test_line_without_effect_is_refused_in_a_leaf_and_in_its_base(leaf, line, place):
    for path in (leaf(line), leaf('', middle=line)):
        with pytest.raises(ConfigError) as refused:
            check_config(Config.fromfile(path))
        assert place in str(refused.value)


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
