"""The same seed gives the same bits, whatever surrounds the run."""

import os
import random

import pytest
import torch
from broken_sample_builders import make_clips
from fault_builders.training_runs import assert_same_training, summarise_training
from layout_trees import METHODS, TREES
from tool_runs import ROOT, run_tool_here

from mmdeepfake.layouts import LAYOUTS

CONFIG = ROOT / 'tests/stubs/augmented_config.py'


class ThisProcess:
    """Runs tools here, after whatever was run before; see `ToolServer.run`."""

    def run(self, tool, *words, cwd, log):
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # as in the other process
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(cwd)
                return {'code': run_tool_here(ROOT / f'tools/{tool}.py', *words)}
        finally:
            torch.set_num_threads(threads)


def run(server, tool, *words, cwd):
    cwd.mkdir(parents=True, exist_ok=True)
    log = cwd / 'log.txt'
    done = server.run(tool, *words, cwd=cwd, log=log)
    assert done['code'] == 0, log.exists() and log.read_text()[-3000:]


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    return make_clips(tmp_path_factory.mktemp('clips') / 'set')


def train(server, cwd, clips, *, seed=3, num_workers=0):
    words = [CONFIG, '--work-dir', 'run', '--seed', seed, '--cfg-options']
    words += [f'data_root={clips}', f'train_dataloader.num_workers={num_workers}']
    run(server, 'train', *words, cwd=cwd)
    return summarise_training(cwd / 'run')


@pytest.fixture(scope='module')
def trained(clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp('trained')
    return folder / 'run', train(ThisProcess(), folder, clips)


def weights(summary):
    (last,) = [
        content
        for name, content in summary['checkpoints'].items()
        if name == summary['last_checkpoint']
    ]
    return {name: w for name, w in last.items() if name.startswith('/state_dict/')}


def test_training_depends_on_its_seed_alone(server, clips, trained, tmp_path):
    _, expected = trained
    again = train(server, tmp_path / 'again', clips, num_workers=2)
    assert_same_training(again, expected, 'elsewhere, with two data workers')
    other = train(server, tmp_path / 'other', clips, seed=4)
    assert weights(other).keys() == weights(expected).keys()
    assert weights(other) != weights(expected)
    assert other['scalars'] != expected['scalars']


def test_test_gives_the_same_files(server, clips, trained, tmp_path):
    run_folder, _ = trained
    results = []
    for number, place in enumerate((ThisProcess(), server)):
        words = [CONFIG, run_folder / 'epoch_2.pth', '--work-dir', 'out']
        words += ['--cfg-options', f'data_root={clips}']
        words += [f'test_dataloader.num_workers={number}']
        cwd = tmp_path / str(number)
        run(place, 'test', *words, cwd=cwd)
        results.append(
            [
                (cwd / 'out' / name).read_bytes()
                for name in ('predictions.csv', 'metrics.json')
            ]
        )
    assert results[0] == results[1]


class Shuffled:
    """os.scandir, in an order of the day, as another file system would have it."""

    def __init__(self, path='.', *, scandir=os.scandir):
        with scandir(path) as entries:
            self._entries = list(entries)
        random.shuffle(self._entries)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __iter__(self):
        return self

    def __next__(self):
        if not self._entries:
            raise StopIteration
        return self._entries.pop()

    def close(self):
        pass


@pytest.mark.parametrize('name', LAYOUTS)
def test_order_of_a_folders_entries_does_not_matter(name, tmp_path, monkeypatch):
    root = TREES[name](tmp_path / 'data')
    options = {'methods': METHODS.get(name)}
    expected = LAYOUTS[name].list_videos(root, **options)
    monkeypatch.setattr(os, 'scandir', Shuffled)
    monkeypatch.setattr(
        os, 'listdir', lambda path='.': [e.name for e in Shuffled(path)]
    )
    for _ in range(3):
        assert LAYOUTS[name].list_videos(root, **options) == expected
