import random
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from figure_builders import WITHOUT_CSA, make_masked_tree, options_of
from mmengine.runner import EpochBasedTrainLoop
from mmengine.visualization.vis_backend import WandbVisBackend

from mmdeepfake.engine import ForgeryViewHook
from mmdeepfake.engine.build import build_runner, load_config
from mmdeepfake.engine.hooks.forgery_view_hook import choose_videos, random_states_kept
from mmdeepfake.errors import ConfigError
from mmdeepfake.structures import BrokenSample, VideoKey


def train(data_root, work_dir, hooks=(), backends=('LocalVisBackend',)):
    """Train two epochs; return the runner."""
    cfg = load_config(WITHOUT_CSA, options_of(WITHOUT_CSA, data_root))
    cfg.train_cfg.update(max_epochs=2, val_begin=1)
    cfg.work_dir = str(work_dir)
    cfg.custom_hooks = [*cfg.custom_hooks, *hooks]
    cfg.visualizer.vis_backends = [dict(type=name) for name in backends]
    cfg.visualizer.name = cfg.experiment_name = work_dir.name
    cfg.param_scheduler = None
    cfg.default_hooks.checkpoint.interval = -1
    cfg.default_hooks.checkpoint.save_best = None
    for name in ('train', 'val', 'test'):
        cfg[f'{name}_dataloader'].update(num_workers=0, persistent_workers=False)
    runner = build_runner(cfg)
    runner.train()
    runner.visualizer.close()
    return runner


def random_states():
    numpy_state = np.random.get_state()
    return [
        random.getstate(),
        (numpy_state[1].tolist(), *numpy_state[2:]),
        torch.get_rng_state().tolist(),
    ]


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """The same training without the hook and with it, and what each left behind."""
    pytest.importorskip('tensorboard')
    folder = tmp_path_factory.mktemp('views')
    root = make_masked_tree(folder / 'ffpp')
    found = {}
    for name, hooks in (('without', []), ('with', [dict(type='ForgeryViewHook')])):
        backends = ['LocalVisBackend']
        if hooks:
            backends.append('TensorboardVisBackend')
        runner = train(root, folder / name, hooks, backends)
        weights = {k: v.clone() for k, v in runner.model.state_dict().items()}
        found[name] = (weights, random_states(), folder / name)
    return found


def test_weights_are_bit_equal_with_and_without_the_hook(trained):
    without, with_hook = trained['without'][0], trained['with'][0]
    assert list(without) == list(with_hook)
    assert all(torch.equal(without[name], with_hook[name]) for name in without)


def test_random_states_are_equal_with_and_without_the_hook(trained):
    assert trained['without'][1] == trained['with'][1]


def test_each_validation_leaves_two_images(trained):
    folder = trained['with'][2] / 'views'
    assert sorted(path.name for path in folder.iterdir()) == [
        'epoch_1_scores.png',
        'epoch_1_videos.png',
        'epoch_2_scores.png',
        'epoch_2_videos.png',
    ]
    for path in folder.iterdir():
        image = cv2.imread(str(path))
        assert min(image.shape[:2]) > 200
        assert image.std() > 10  # something is drawn
    assert not (trained['without'][2] / 'views').exists()


def test_tensorboard_shows_scalars_and_images(trained):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (events,) = trained['with'][2].rglob('events.out.tfevents.*')
    found = EventAccumulator(str(events), {'images': 0, 'scalars': 0}).Reload()
    tags = found.Tags()
    assert {'loss', 'deepfake/auc'} <= set(tags['scalars'])
    assert [one.step for one in found.Images('val/scores')] == [1, 2]
    assert [one.step for one in found.Images('val/videos')] == [1, 2]


def test_wandb_is_named_where_it_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'wandb', None)
    with pytest.raises(ImportError, match='pip install wandb'):
        WandbVisBackend(str(tmp_path)).add_scalar('loss', 1.0)


def test_random_states_are_put_back():
    before = random_states()
    with random_states_kept():
        random.random(), np.random.rand(), torch.rand(1)
        assert random_states() != before
    assert random_states() == before


class Videos:
    def __init__(self, methods):
        self.methods = methods

    def __len__(self):
        return len(self.methods)

    def get_data_info(self, index):
        method = self.methods[index]
        label = int(method != 'real')
        return dict(video_key=('set', label, method, 'c40', str(index)))

    def __getitem__(self, index):
        return dict(inputs=torch.full((4, 3, 8, 8), index), data_samples={})


def test_one_video_a_manipulation_is_chosen_and_a_real_one_last():
    videos = choose_videos(Videos(['real', 'real', 'B', 'A', 'A']), 3)
    assert [video.name for video in videos] == ['A', 'B', 'real']
    assert [int(video.inputs[0, 0, 0, 0]) for video in videos] == [3, 2, 0]


def test_video_that_cannot_be_read_is_not_drawn(monkeypatch):
    dataset, broken = Videos(['real', 'B', 'A']), ('set', 1, 'B', 'c40', '1')
    read = Videos.__getitem__
    monkeypatch.setattr(
        Videos,
        '__getitem__',
        lambda self, index: (
            BrokenSample(VideoKey(*broken), '/x', 'broken', 'truncated')
            if index == 1
            else read(self, index)
        ),
    )
    assert [video.name for video in choose_videos(dataset, 3)] == ['A', 'real']


def test_no_video_is_read_where_none_is_wanted():
    assert choose_videos(Videos(['real', 'A']), 0) == []


@pytest.mark.parametrize('options', [dict(interval=0), dict(num_videos=-1)])
def test_invalid_settings_are_rejected(options):
    with pytest.raises(ConfigError, match='ForgeryViewHook: '):
        ForgeryViewHook(**options)


@pytest.mark.parametrize(('interval', 'due'), [(1, [0, 1, 2, 3]), (3, [0, 3])])
def test_interval_counts_validations(monkeypatch, interval, due):
    loop = EpochBasedTrainLoop.__new__(EpochBasedTrainLoop)
    running = SimpleNamespace(_train_loop=loop)
    drawn = []
    hook = ForgeryViewHook(interval=interval)
    for index in range(4):
        monkeypatch.setattr(hook, '_draw', lambda *_, i=index: drawn.append(i))
        hook.after_val_epoch(running)
    assert drawn == due


def test_validation_outside_a_training_draws_nothing(monkeypatch):
    alone = SimpleNamespace(_train_loop=dict(type='EpochBasedTrainLoop'))
    hook = ForgeryViewHook()
    monkeypatch.setattr(hook, '_draw', pytest.fail)
    hook.after_val_epoch(alone)
