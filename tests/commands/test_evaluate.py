from argparse import Namespace
from pathlib import Path

import pytest
from mmengine.config import Config

from mmdeepfake.commands import scoring
from mmdeepfake.commands.evaluate import choose_test_sets, parse_roots
from mmdeepfake.commands.scoring import find_test_set, own_test_set, validation_set
from mmdeepfake.errors import ConfigError

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


@pytest.fixture
def cfg():
    return Config.fromfile(CONFIGS / 'baselines/tam_ffpp_lq.py')


def choose(cfg, *names, roots=None):
    return choose_test_sets(cfg, Namespace(on=names, data_root=roots, split='test'))


def test_a_named_set_is_read_by_the_models_own_pipeline(cfg):
    own = cfg.test_dataloader.dataset.to_dict()
    chosen = find_test_set('celeb_df', cfg, overrides={'data_root': 'elsewhere'})
    assert chosen.dataset['data_root'] == 'elsewhere'
    assert chosen.dataset['pipeline'] == own['pipeline']
    assert chosen.dataset['methods'] is None
    assert (chosen.dataset['split'], chosen.dataset['test_mode']) == ('test', True)
    # The paths of configs name sets as well.
    path = CONFIGS / '_base_/datasets/celeb_df.py'
    assert find_test_set(str(path), cfg).dataset['data_root'] == 'data/celeb_df_faces'


def test_without_a_name_the_configs_own_set_is_taken(cfg):
    (own,) = choose(cfg)
    assert own == own_test_set(cfg)
    assert own.dataset == {**cfg.test_dataloader.dataset.to_dict(), 'split': 'test'}


def test_thresholds_are_chosen_on_validation_videos_read_as_in_the_test(cfg):
    chosen = validation_set(cfg)
    assert chosen.dataset['split'] == 'val'
    assert chosen.dataset['pipeline'] == cfg.test_dataloader.dataset.pipeline
    cfg.val_dataloader.dataset.split = 'test'
    with pytest.raises(ConfigError, match="split = 'test': a threshold is chosen on"):
        validation_set(cfg)
    cfg.val_dataloader = None
    with pytest.raises(ConfigError, match='no val_dataloader'):
        validation_set(cfg)


def test_wrong_names_and_roots_are_refused(cfg):
    with pytest.raises(ConfigError, match=r"'ffpq'.* mean 'ffpp_.* celeb_df, "):
        choose(cfg, 'ffpq')
    with pytest.raises(ConfigError, match='--on: dfdc'):
        choose(cfg, 'dfdc', 'dfdc')
    with pytest.raises(ConfigError, match='--data-root a=b'):
        choose(cfg, 'dfdc', roots=['a=b'])
    with pytest.raises(ConfigError, match='none given'):
        parse_roots(['dfdc=x'], [])


@pytest.mark.parametrize(
    'hooks', [{}, {'default_hooks': {'checkpoint': {'save_best': 'deepfake/auc'}}}]
)
def test_runner_for_a_test_alone_needs_no_validation(monkeypatch, hooks):
    monkeypatch.setattr(scoring, 'build_runner', lambda cfg: cfg)
    cfg = scoring._build_for_test_alone(Config(hooks), 'weights.pth')
    assert cfg.load_from == 'weights.pth' and cfg.val_dataloader is None
    saving = cfg.get('default_hooks', {}).get('checkpoint', {})
    assert saving.get('save_best') is None
