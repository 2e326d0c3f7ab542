"""The order of what is written and deleted, and what is found again."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from fault_builders.training_in_process import make_runner, resume, train
from fault_builders.training_runs import assert_same_training, summarise_training

from mmdeepfake.engine.checkpoint_choice import choose_checkpoint
from mmdeepfake.errors import DataError
from mmdeepfake.evaluation.metrics import DeepfakeMetric

KEEP_ONE = {'default_hooks__checkpoint__max_keep_ckpts': 1}
# A metric that is better in each epoch, so that each has a best checkpoint of its own.
EVER_BETTER = {
    'default_hooks__checkpoint__save_best': 'deepfake/brier',
    'default_hooks__checkpoint__rule': 'less',
}


class Disk:
    """Notes what is flushed, renamed and deleted; keeps what a power cut would leave.

    It leaves a file empty whose data were not flushed, and of two names that it was
    renamed between the old one, until the folder was flushed.
    """

    def __init__(self, folder, monkeypatch):
        self.folder, self.events, self.after_power_cuts = Path(folder), [], []
        self._flushed, self._before = set(), {}
        for name in ('fsync', 'replace', 'unlink', 'remove'):
            wrap = self._removing if name in ('unlink', 'remove') else self._writing
            monkeypatch.setattr(os, name, wrap(getattr(os, name), name))

    def _writing(self, real, name):
        def call(*arguments, **words):
            if name == 'replace':
                place = Path(arguments[1])
                old = place.read_bytes() if place.exists() else None
            else:
                place, old = Path(os.readlink(f'/proc/self/fd/{arguments[0]}')), None
            real(*arguments, **words)
            if place == self.folder:
                self._before.clear()
            elif name == 'fsync' and place.exists():
                self._flushed.add(place.stat().st_ino)
            elif name == 'replace' and place.parent == self.folder:
                self._before.setdefault(place, old)
            self._note('name' if name == 'replace' else 'flush', place)

        return call

    def _removing(self, real, _):
        def call(path, **words):
            existed = os.path.exists(path)
            real(path, **words)
            if existed:
                self._before.pop(Path(path), None)
                self._note('delete', Path(path))

        return call

    def _note(self, event, place):
        name = '.' if place == self.folder else place.name.removesuffix('.tmp')
        name = name.removesuffix(f'.{os.getpid()}')
        if place.parent == self.folder or name == '.':
            if name != '.':
                name = name.lstrip('.')
            if name.endswith(('pth', 'last_checkpoint')) or name == '.':
                self.events.append((event, name))
                self._cut_power()

    def _cut_power(self):
        left = self.folder.parent / f'left{len(self.after_power_cuts)}'
        left.mkdir()
        self.after_power_cuts.append(left)
        for path in self.folder.glob('*'):
            old = self._before.get(path, b'')
            is_old = path in self._before
            if path.is_file() and not (is_old and old is None):
                is_safe = path.stat().st_ino in self._flushed
                new = path.read_bytes() if is_safe else b''
                (left / path.name).write_bytes(old if is_old else new)


def test_checkpoint_is_flushed_named_pointed_at_and_only_then_are_others_deleted(
    tmp_path, monkeypatch
):
    disk = Disk(tmp_path / 'run', monkeypatch)
    train(tmp_path / 'run', **KEEP_ONE, **EVER_BETTER)
    start = disk.events.index(('flush', 'epoch_2.pth'))
    save = [
        ('flush', 'epoch_2.pth'), ('name', 'epoch_2.pth'), ('flush', '.'),
        ('flush', 'last_checkpoint'), ('name', 'last_checkpoint'), ('flush', '.'),
    ]  # fmt: skip
    best = 'best_deepfake_brier_epoch_{}.pth'
    assert disk.events[start:] == [
        *save, ('delete', 'epoch_1.pth'),
        ('flush', best.format(2)), ('name', best.format(2)), ('flush', '.'),
        *save, ('delete', best.format(1)),
    ]  # fmt: skip


def test_power_cut_at_any_moment_leaves_a_whole_checkpoint(tmp_path, monkeypatch):
    disk = Disk(tmp_path / 'run', monkeypatch)
    train(tmp_path / 'run', **KEEP_ONE, **EVER_BETTER)
    first = disk.events.index(('name', 'epoch_1.pth'))
    monkeypatch.undo()
    assert len(disk.after_power_cuts) > 30
    found = []
    for left in disk.after_power_cuts:
        choice = choose_checkpoint(left, folder=left, template='epoch_{}.pth')
        found.append(None if choice is None else choice.path.name)
        best = sorted(left.glob('best_*.pth'))
        assert found[-1] != 'epoch_2.pth' or best, 'the best one is lost'
        for path in best:
            assert torch.load(path, weights_only=False)['state_dict']
    named = [name for name in found if name]
    assert set(named) == {'epoch_1.pth', 'epoch_2.pth'}
    assert found[-len(named) :] == named, 'once there is one, there always is'
    assert len(found) - len(named) == first + 1  # its folder is flushed next


def test_drafts_and_outdated_files_of_a_killed_run_are_removed(tmp_path):
    run = tmp_path / 'run'
    train(run, stop=('before_save_checkpoint', 4), **KEEP_ONE, **EVER_BETTER)
    drafts = ['.epoch_2.pth.99.tmp', '.best_x_epoch_2.pth.99.tmp',
              '.last_checkpoint.99.tmp']  # fmt: skip
    for name in drafts:
        (run / name).write_text('half')
    (run / '.mine.tmp').write_text('of the user')
    (run / 'best_old_epoch_1.pth').write_text('of the user')
    resume(run, **KEEP_ONE, **EVER_BETTER)
    names = {path.name for path in run.iterdir()}
    assert not names & set(drafts)
    assert {'.mine.tmp', 'best_old_epoch_1.pth', 'epoch_2.pth'} <= names
    assert 'epoch_1.pth' not in names


def test_what_a_kill_left_undeleted_is_deleted_on_resume(tmp_path, monkeypatch):
    run, whole = tmp_path / 'run', tmp_path / 'whole'
    train(whole, **KEEP_ONE, **EVER_BETTER)
    kept = {}
    remove = os.remove

    def keep(path, **words):
        kept[Path(path).name] = Path(path).read_bytes()
        remove(path, **words)

    monkeypatch.setattr(os, 'remove', keep)
    train(run, **KEEP_ONE, **EVER_BETTER)
    monkeypatch.undo()
    assert set(kept) == {'epoch_1.pth', 'best_deepfake_brier_epoch_1.pth'}
    name = 'best_deepfake_brier_epoch_1.pth'
    (run / name).write_bytes(kept[name])
    resume(run, **KEEP_ONE, **EVER_BETTER)
    assert not (run / name).exists()
    assert_same_training(
        {**summarise_training(run)}, summarise_training(whole), 'resumed at its end'
    )


def test_names_from_a_checkpoint_delete_no_other_file(tmp_path):
    run = tmp_path / 'run'
    train(run, train_cfg={'type': 'EpochBasedTrainLoop', 'max_epochs': 1})
    path = run / 'epoch_1.pth'
    content = torch.load(path, weights_only=False)
    (tmp_path / 'best_x.pth').write_text('mine')
    (run / 'notes.txt').write_text('mine')
    content['message_hub']['runtime_info']['outdated_checkpoints'] = [
        '../best_x.pth', str(tmp_path / 'best_x.pth'), 'notes.txt', 'run.json', '',
    ]  # fmt: skip
    torch.save(content, path)
    resume(run)
    assert (tmp_path / 'best_x.pth').exists()
    assert (run / 'notes.txt').exists()
    assert (run / 'run.json').exists()


def test_broken_checkpoint_gives_way_to_the_one_before_with_a_warning(
    tmp_path, log_lines
):
    whole, run = tmp_path / 'whole', tmp_path / 'run'
    three = {
        'train_cfg': {'type': 'EpochBasedTrainLoop', 'max_epochs': 3},
        # The first run has deleted the best of epoch 2, which a second one would name.
        'default_hooks__checkpoint__save_best': None,
    }
    train(whole, **three)
    shutil.copytree(whole, run)
    (run / 'epoch_3.pth').write_bytes((run / 'epoch_3.pth').read_bytes()[:5000])
    runner = resume(run, **three)
    assert runner._load_from == str(run / 'epoch_2.pth')
    assert_same_training(
        summarise_training(run), summarise_training(whole), 'from the one before'
    )


def test_best_checkpoint_is_refused_for_resuming(tmp_path):
    train(tmp_path / 'run')
    (best,) = (tmp_path / 'run').glob('best_*.pth')
    with pytest.raises(DataError, match='holds no state of the optimizer, as those of'):
        train(tmp_path / 'run', resume=True, load_from=str(best))


def test_best_of_equal_epochs_has_the_lowest_cross_entropy(tmp_path, monkeypatch):
    found = iter([(0.9, 0.2), (1.0, 0.4), (1.0, 0.3), (1.0, 0.5)])

    def compute(*_):
        auc, cross_entropy = next(found)
        return {'auc': auc, 'cross_entropy': cross_entropy, 'num_videos': 20.0,
                'num_scored': 20.0}  # fmt: skip

    monkeypatch.setattr(DeepfakeMetric, 'compute_metrics', compute)
    four = {'train_cfg': {'type': 'EpochBasedTrainLoop', 'max_epochs': 4}}
    train(tmp_path, stop=('before_train_epoch', 3), **four)
    resume(tmp_path, **four)
    assert [path.name for path in tmp_path.glob('best_*.pth')] == [
        'best_deepfake_auc_epoch_3.pth'
    ]


def test_moved_folder_is_resumed_in_its_new_place(tmp_path):
    whole, run = tmp_path / 'whole', tmp_path / 'run'
    train(whole, **KEEP_ONE, **EVER_BETTER)
    train(tmp_path / 'old', stop=('before_train_epoch', 2), **KEEP_ONE, **EVER_BETTER)
    (tmp_path / 'old').rename(run)
    resume(run, **KEEP_ONE, **EVER_BETTER)
    assert not (tmp_path / 'old').exists()
    assert_same_training(
        summarise_training(run), summarise_training(whole), 'in another folder'
    )


def test_plain_checkpoint_hook_still_works_and_writes_whole_files(
    tmp_path, monkeypatch
):
    plain = {'default_hooks__checkpoint__type': 'CheckpointHook'}
    disk = Disk(tmp_path / 'run', monkeypatch)
    train(tmp_path / 'run', stop=('before_train_epoch', 2), **plain)
    start = disk.events.index(('flush', 'epoch_1.pth'))
    assert disk.events[start + 1 : start + 3] == [
        ('name', 'epoch_1.pth'),
        ('flush', '.'),
    ]
    monkeypatch.undo()
    assert resume(tmp_path / 'run', **plain).epoch == 2


def test_validation_alone_needs_no_folder_for_checkpoints(tmp_path):
    train(tmp_path / 'run')
    runner = make_runner(tmp_path / 'val', load_from=str(tmp_path / 'run/epoch_2.pth'))
    assert runner.val()['deepfake/num_videos'] == 5
    assert not list((tmp_path / 'val').glob('*.pth'))
