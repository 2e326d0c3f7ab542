import json
from types import SimpleNamespace

import pytest
import torch
from broken_sample_builders import damage_frame, fake_key, make_clips, make_runner, skip
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook

from mmdeepfake.engine.hooks import broken_sample_hook as module
from mmdeepfake.engine.hooks.broken_sample_hook import (
    BrokenSampleHook,
    agree,
    replace_method,
)
from mmdeepfake.engine.seeded_batches import STEP, seed_generators
from mmdeepfake.engine.skipped_videos import to_plain
from mmdeepfake.errors import DataError
from mmdeepfake.structures import BrokenSample

BROKEN = ['train1', 'val2', 'test0']


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return make_clips(tmp_path_factory.mktemp('clips'), broken=BROKEN)


def read_record(runner, phase):
    with open(f'{runner.work_dir}/run.json') as file:
        return json.load(file)[phase]['skipped_videos']


class KeepGradients(Hook):
    """Keeps the gradients of the first step, and the weights that it started from."""

    def before_train(self, runner):
        self.start = {k: v.clone() for k, v in runner.model.state_dict().items()}
        self.gradients, step = None, runner.optim_wrapper.step

        def keep(**kwargs):
            if self.gradients is None:
                self.gradients = [p.grad.clone() for p in runner.model.parameters()]
            step(**kwargs)

        runner.optim_wrapper.step = keep


def test_step_equals_that_of_a_batch_made_by_hand_without_the_broken_video(root):
    runner = make_runner(root, train_dataloader__batch_size=8, **skip('train'))
    kept = KeepGradients()
    runner.register_hook(kept)
    loader = runner.train_dataloader
    order = list(loader.sampler)
    runner.train()
    keys = [loader.dataset.get_data_info(i)['video_key'] for i in order]
    assert fake_key('train1') in keys
    batch = pseudo_collate(
        [
            loader.dataset[i]
            for i, key in zip(order, keys, strict=True)
            if key != fake_key('train1')
        ]
    )
    assert len(batch['inputs']) == 7
    model = runner.model.train()
    model.load_state_dict(kept.start)
    model.zero_grad()
    seed_generators(runner.seed, STEP, 0, 0)  # dropout, as at the first step
    data = model.data_preprocessor(batch, training=True)
    loss, _ = model.parse_losses(model(**data, mode='loss'))
    loss.backward()
    for by_hand, kept_one in zip(model.parameters(), kept.gradients, strict=True):
        assert torch.equal(by_hand.grad, kept_one)
    assert any(gradient.abs().sum() > 0 for gradient in kept.gradients)


class CountSteps(Hook):
    """Counts what came of the iterations, and what the optimizer did."""

    def before_train(self, runner):
        self.num_updates, self.outputs = 0, []
        update = runner.optim_wrapper.update_params

        def counted(loss):
            self.num_updates += 1
            update(loss)

        runner.optim_wrapper.update_params = counted

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.outputs.append(dict(outputs))


def test_step_of_a_batch_of_which_nothing_is_left_is_not_made(root):
    runner = make_runner(root, train_dataloader__batch_size=1, **skip('train'))
    steps = CountSteps()
    runner.register_hook(steps)
    runner.train()
    assert runner.iter == 8  # counted, as the schedules expect
    assert len(steps.outputs) == 8 and steps.outputs.count({}) == 1
    assert steps.num_updates == 7
    assert read_record(runner, 'train')['steps_left_out'] == 1
    assert 'train_step' not in vars(runner.model)  # as it was before


def test_every_skip_is_logged_once_and_kept_in_the_record(root):
    options = skip('train', 'val')
    runner = make_runner(root, validate=True, train_cfg__max_epochs=2, **options)
    lines = []
    runner.logger.warning = lambda text, *rest, **more: lines.append(text)
    runner.train()
    logged = [line for line in lines if line.startswith('skipped: ')]
    assert len(logged) == 2  # though each was met twice
    assert 'video clips/fake/Swap/c0/train1: ' in logged[0]
    assert '(1 of 8 videos skipped, allowed: 3)' in logged[0]
    record = read_record(runner, 'train')
    (train,), (val,) = record['train'], record['val']
    counts = [train[f'num_{name}'] for name in ('skipped', 'videos', 'allowed')]
    assert counts == [1, 8, 3]
    (video,) = val['videos']
    assert (video['video'], video['kind']) == ('clips/fake/Swap/c0/val2', 'broken')
    assert 'frame 2 of 6 is damaged' in video['reason']
    assert record['steps_left_out'] == 0


def test_record_of_a_good_set_has_no_skipped_videos(tmp_path):
    runner = make_runner(make_clips(tmp_path), **skip('train'))
    runner.train()
    (train,) = read_record(runner, 'train')['train']
    assert (train['num_skipped'], train['videos']) == (0, [])
    assert 'val' not in read_record(runner, 'train')


def test_resumed_training_counts_on(tmp_path):
    root = make_clips(tmp_path, broken=['train1'])
    options = skip('train', share=0.2)  # 2 of 8
    make_runner(root, **options).train()
    for number in (0, 2):
        damage_frame(root / f'train/Swap_train{number}.tar')
    resumed = {'train_cfg__max_epochs': 2, 'resume': True, **options}
    with pytest.raises(DataError, match='3 of 8 videos skipped, allowed: 2'):
        make_runner(root, **resumed).train()


def test_checkpoint_keeps_what_was_skipped_before_it_was_resumed():
    hook = BrokenSampleHook()
    samples = [BrokenSample(fake_key('val1'), '/x', 'broken', 'truncated')]
    skipped = {'samples': to_plain(samples), 'num_steps_left_out': 3}
    before = {'skipped_videos': skipped}
    hook.after_load_checkpoint(SimpleNamespace(_resume=True), before)
    after = {}
    hook.before_save_checkpoint(SimpleNamespace(), after)
    assert after == before


def test_weights_of_another_training_bring_no_counts(tmp_path):
    root = make_clips(tmp_path, broken=['train1'])
    make_runner(root, **skip('train')).train()
    damaged = root / 'train/Swap_train1.tar'
    damaged.write_bytes((root / 'train/Swap_train0.tar').read_bytes())
    start = str(root / 'run/epoch_1.pth')
    runner = make_runner(root, load_from=start, **skip('train'))
    runner.train()
    assert read_record(runner, 'train')['train'][0]['num_skipped'] == 0


def test_scores_do_not_depend_on_which_video_is_broken(root, tmp_path):
    options = {'test_evaluator__predictions_csv': str(tmp_path / 'p.csv')}
    make_runner(root, **options, **skip('test')).test()
    scores = (tmp_path / 'p.csv').read_text().splitlines()
    make_runner(make_clips(tmp_path / 'sound'), **options).test()
    every = (tmp_path / 'p.csv').read_text().splitlines()
    assert [line for line in every if line not in scores] == [
        line for line in every if line.startswith('clips,1,Swap,c0,test0,')
    ]


def test_test_of_which_nothing_can_be_read_gives_no_figures(tmp_path):
    names = [f'test{number}' for number in range(4)]
    root = make_clips(tmp_path, splits=('test',), broken=names)
    for number in range(4):
        damage_frame(root / f'test/real_test{number}.tar')
    phases = {'train_dataloader': None, 'train_cfg': None, 'optim_wrapper': None}
    options = {**phases, 'param_scheduler': None, **skip('test', share=0.99)}
    with pytest.raises(DataError, match='none of 8 videos could be read'):
        make_runner(root, **options).test()


def test_processes_agree_on_new_videos_and_empty_batches(monkeypatch):
    one, other = (BrokenSample(fake_key(n), '/x', 'broken', 'truncated') for n in 'ab')
    assert agree([one], True, lists=[]) == ([one], True)

    def all_reduce(counts):
        counts += torch.tensor([1, 1])  # the other process: one more, an empty batch

    monkeypatch.setattr(module, 'get_world_size', lambda: 2)
    monkeypatch.setattr(module, 'all_reduce', all_reduce)
    monkeypatch.setattr(module, 'all_gather_object', lambda mine: [mine, [other]])
    known = SimpleNamespace(knows=lambda sample: sample == one)
    assert agree([one], False, lists=[known]) == ([other], True)
    monkeypatch.setattr(module, 'all_reduce', lambda counts: None)
    assert agree([one], False, lists=[known]) == ([], False)


def test_method_of_one_object_is_replaced_and_put_back():
    model = torch.nn.Linear(1, 1)
    undo = replace_method(model, 'extra_repr', lambda: 'new')
    assert model.extra_repr() == 'new'
    again = replace_method(model, 'extra_repr', lambda: 'newer')
    assert model.extra_repr() == 'newer'
    again()
    assert model.extra_repr() == 'new'
    undo()
    assert model.extra_repr().startswith('in_features=1')
