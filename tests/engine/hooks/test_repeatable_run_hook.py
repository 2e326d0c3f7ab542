import random

import numpy as np
import pytest
import torch
from fault_builders.training_in_process import resume, train
from fault_builders.training_runs import assert_same_training, summarise_training
from mmaction.registry import DATASETS
from stubs.stub_parts import StubVideos


@DATASETS.register_module(force=True)
class NoisyStubVideos(StubVideos):
    """Draws from every generator that a transform may draw from."""

    def __getitem__(self, index):
        item = super().__getitem__(index)
        drawn = random.random() + np.random.random() + torch.rand(()).item()
        item['inputs'] = (item['inputs'] * (0.2 + 0.2 * drawn)).to(torch.uint8)
        return item


NOISY = {
    'train_dataloader__dataset__type': 'NoisyStubVideos',
    'model__cls_head__dropout_ratio': 0.5,
}
BY_ITERATIONS = {
    'train_cfg': dict(type='IterBasedTrainLoop', max_iters=9, val_interval=3),
    'param_scheduler': [dict(type='MultiStepLR', milestones=[5], by_epoch=False)],
    'default_hooks__checkpoint__by_epoch': False,
    'default_hooks__checkpoint__interval': 2,
    'log_processor__by_epoch': False,
}
MIDDLE_OF_EPOCH = {
    'default_hooks__logger__interval': 1,
    'default_hooks__checkpoint__by_epoch': False,
    'default_hooks__checkpoint__interval': 3,
}
WORKERS = {
    'train_dataloader__num_workers': 2,
    'train_dataloader__persistent_workers': True,
}


def compare(folder, stop, *, resumed=None, **options):
    options = {**NOISY, **options}
    train(folder / 'whole', **options)
    train(folder / 'run', stop=stop, **options)
    resume(folder / 'run', **{**options, **(resumed or {})})
    expected = summarise_training(folder / 'whole')
    assert_same_training(summarise_training(folder / 'run'), expected, str(stop))


@pytest.mark.parametrize(
    ('stop', 'options'),
    [
        pytest.param(('before_train_iter', 6), WORKERS, id='persistent workers'),
        pytest.param(
            ('before_train_iter', 6),
            {'hooks': [dict(type='EMAHook')], **NOISY},
            id='averaged weights',
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ('before_train_iter', 6),
            {'optim_wrapper__type': 'CPUAmpOptimWrapper'},
            id='mixed precision',
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ('after_val_iter', 2), {}, id='in a validation', marks=pytest.mark.slow
        ),
        pytest.param(
            ('after_val', 1),
            {'default_hooks__checkpoint__save_best': ['deepfake/auc', 'deepfake/acc']},
            id='between validation and best',
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ('before_train_iter', 8),
            MIDDLE_OF_EPOCH,
            id='in the middle of an epoch',
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ('before_train_iter', 8),
            {**BY_ITERATIONS, 'train_dataloader__sampler__type': 'InfiniteSampler'},
            id='by iterations',
        ),
        pytest.param(
            ('after_val_iter', 5),
            {**BY_ITERATIONS, **WORKERS},
            id='by iterations, several passes, in a validation',
            marks=pytest.mark.slow,
        ),
    ],
)
def test_resumed_training_ends_in_the_same_bits(tmp_path, monkeypatch, stop, options):
    monkeypatch.setattr('time.sleep', lambda seconds: None)  # MMEngine's, 2 s a pass
    compare(tmp_path, stop, **options)


@pytest.mark.slow
def test_seed_of_the_checkpoint_goes_before_that_of_the_command(tmp_path):
    compare(tmp_path, ('before_train_iter', 6), resumed={'randomness__seed': 9})


@pytest.mark.slow
def test_other_seeds_and_epochs_train_otherwise(tmp_path):
    runs = [
        train(tmp_path / f'{seed}', randomness__seed=seed, **NOISY) for seed in (0, 1)
    ]
    ends = [run.model.state_dict()['backbone.conv.weight'] for run in runs]
    assert not torch.equal(*ends)


@pytest.mark.slow
def test_draws_of_a_step_do_not_depend_on_those_before(tmp_path):
    whole = train(tmp_path / 'whole', **NOISY, **WORKERS)
    other = train(tmp_path / 'other', **NOISY, train_dataloader__num_workers=1)
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, other.model.state_dict()[name]), name
