"""Trainings and tests on videos that cannot be read, though their headers can."""

import csv
import json
import pathlib

import mmaction
import pytest
import torch
from broken_sample_builders import (
    CLIPS_CONFIG,
    damage_frame,
    make_clips,
    make_runner,
    skip,
)
from tool_runs import ROOT, run_tool, run_tool_here

from mmdeepfake.errors import ConfigError

TRAIN, TEST = ROOT / 'tools/train.py', ROOT / 'tools/test.py'
UPSTREAM = pathlib.Path(mmaction.__file__).parent / '.mim/tools'
SWAP1 = 'clips/fake/Swap/c0/{}1'
NO_GPU = pytest.mark.skipif(
    torch.cuda.is_available(), reason='two processes would want two GPUs'
)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Three splits of 8 clips, of which one fake each has a damaged frame."""
    folder = tmp_path_factory.mktemp('clips')
    return make_clips(folder, broken=['train1', 'val1', 'test1'])


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A checkpoint of a training on sound clips."""
    runner = make_runner(make_clips(tmp_path_factory.mktemp('sound')))
    runner.train()
    return pathlib.Path(runner.work_dir, 'epoch_1.pth')


def options_of(root, options):
    """Words of a command line; `__` in a name stands for a dot."""
    pairs = {'data_root': root, **options}.items()
    return ['--cfg-options', *(f'{k.replace("__", ".")}={v}' for k, v in pairs)]


@pytest.fixture
def run(root, tmp_path, capsys):
    """Run a tool in this process on the damaged clips; return its work folder."""

    def run_it(tool, *words, code=0, **options):
        work_dir = ['--work-dir', tmp_path / 'run']
        words = [CLIPS_CONFIG, *words, *work_dir, *options_of(root, options)]
        assert run_tool_here(tool, *words) == code
        run_it.message = capsys.readouterr().err
        return tmp_path / 'run'

    return run_it


def read_json(path):
    return json.loads(path.read_text())


def read_scores(folder):
    with open(folder / 'predictions.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    return {row['method'] + row['name']: float(row['fake_score']) for row in rows}


def count_skipped(folder, phase, loader):
    """How many videos the record names for each dataset of a loader."""
    skipped = read_json(folder / 'run.json')[phase]['skipped_videos'][loader]
    assert [len(one['videos']) for one in skipped] == [
        one['num_skipped'] for one in skipped
    ]
    return [one['num_skipped'] for one in skipped]


@pytest.mark.parametrize('workers', [0, 2])
def test_training_stops_with_key_file_and_reason(run, root, workers):
    run(TRAIN, '--no-validate', code=2, train_dataloader__num_workers=workers)
    path = root / 'train/Swap_train1.tar'
    assert run.message == (
        f'error: video {SWAP1.format("train")}: face clip {str(path)!r}: frame 2 of 6 '
        'is damaged; copy it again, or prepare this video again\n'
    )


def test_validation_stops_with_the_key(run, trained):
    options = {'load_from': trained, 'val_dataloader.num_workers': 1}
    options |= {'train_dataloader.dataset.on_error': 'skip'}
    options |= {'train_dataloader.dataset.max_skipped_share': 0.2}
    run(TRAIN, code=2, **options)
    assert run.message.startswith(f'error: video {SWAP1.format("val")}: face clip ')
    assert run.message.count('\n') == 1


def test_test_stops_with_the_key_and_gives_no_figures(run, trained):
    folder = run(TEST, trained, code=2, test_dataloader__num_workers=1)
    assert run.message.startswith(f'error: video {SWAP1.format("test")}: face clip ')
    assert run.message.count('\n') == 1
    assert not (folder / 'metrics.json').exists()


def test_training_goes_on_without_them_in_every_epoch(run):
    options = skip('train', 'val') | {'train_dataloader__batch_size': 1}
    options |= {
        'train_dataloader__num_workers': 2,
        'train_dataloader__persistent_workers': True,
    }
    folder = run(TRAIN, train_cfg__max_epochs=2, **options)
    assert (folder / 'epoch_2.pth').is_file()
    assert count_skipped(folder, 'train', 'train') == [1]
    assert count_skipped(folder, 'train', 'val') == [1]
    record = read_json(folder / 'run.json')['train']['skipped_videos']
    assert record['steps_left_out'] == 2  # one an epoch
    (log,) = folder.glob('*/*.log')
    assert log.read_text().count('skipped: video') == 2
    assert '2 of 16 videos' not in log.read_text()


@pytest.mark.parametrize(('batch_size', 'workers'), [(1, 0), (3, 2)])
def test_test_scores_the_others_and_says_so(run, trained, batch_size, workers):
    folder = run(
        TEST,
        trained,
        test_dataloader__batch_size=batch_size,
        test_dataloader__num_workers=workers,
        **skip('test'),
    )
    scores = read_scores(folder)
    assert len(scores) == 7 and 'Swaptest1' not in scores
    record = read_json(folder / 'metrics.json')
    assert record['left_out'] == {'broken': 1}
    assert (record['num_videos'], record['coverage']) == (7, 7 / 8)
    assert count_skipped(folder, 'test', 'test') == [1]


@pytest.mark.parametrize('limit', ['share', 'count'])
def test_run_ends_beyond_the_limit_of_either_kind(run, trained, limit):
    options = {'test_dataloader__dataset__on_error': 'skip'}
    options[f'test_dataloader__dataset__max_skipped_{limit}'] = 0
    folder = run(TEST, trained, code=2, **options)
    first, listed, fix = run.message.splitlines()
    assert 'too many videos could not be read: 1 of 8 videos skipped, allow' in first
    assert listed.startswith(f'  video {SWAP1.format("test")}: face clip ')
    assert 'test_dataloader.dataset.max_skipped_count=1' in fix
    assert count_skipped(folder, 'test', 'test') == [1]
    assert not (folder / 'metrics.json').exists()


def test_files_that_break_while_a_run_goes_on_are_skipped_by_kind(tmp_path):
    root = make_clips(tmp_path, splits=('train',))
    runner = make_runner(root, **skip('train', share=0.5))
    assert len(runner.train_dataloader.dataset) == 8  # checked, and found sound
    for number, size in ((0, 700), (1, 0)):
        path = root / f'train/Swap_train{number}.tar'
        path.write_bytes(path.read_bytes()[:size])
    (root / 'train/Swap_train2.tar').unlink()
    runner.train()
    (train,) = read_json(root / 'run/run.json')['train']['skipped_videos']['train']
    kinds = {video['video'][-6:]: video['kind'] for video in train['videos']}
    assert kinds == {'train0': 'broken', 'train1': 'broken', 'train2': 'missing'}


@pytest.mark.parametrize(
    ('fault', 'error', 'workers'),
    [
        ('type_error', TypeError, 0),
        ('wrong_config', ConfigError, 0),
        ('no_memory', MemoryError, 1),
        ('disk_full', OSError, 1),
    ],
)
def test_what_is_no_fault_of_a_video_always_stops(tmp_path, fault, error, workers):
    root = make_clips(tmp_path, splits=('train',), num_pairs=1)
    runner = make_runner(
        root,
        train_dataloader__dataset__pipeline__0__name='train0',
        train_dataloader__dataset__pipeline__0__fault=fault,
        train_dataloader__num_workers=workers,
        **skip('train', share=0.9),
    )
    with pytest.raises(error):
        runner.train()


@pytest.mark.parametrize(
    ('fault', 'fate', 'hint'),
    [
        ('kill', 'Killed', 'out of memory'),
        ('crash', 'Segmentation fault', 'The decoder may have crashed'),
    ],
)
def test_worker_that_dies_ends_the_run_in_one_message(run, root, fault, fate, hint):
    """Also where broken videos are skipped: what killed it may kill the next one."""
    run(
        TRAIN,
        '--no-validate',
        code=2,
        train_dataloader__num_workers=2,
        train_dataloader__dataset__pipeline__0__name='train2',
        train_dataloader__dataset__pipeline__0__fault=fault,
        **skip('train'),
    )
    message = run.message[run.message.index('error: data worker ') :]
    assert message.count('\n') == 1 and 'Traceback' not in run.message
    assert f' was killed by signal: {fate}. It was reading video ' in message
    assert f'{SWAP1.format("train")[:-1]}2 ({root}/train/Swap_train2.tar). ' in message
    assert hint in message


@pytest.mark.faults
def test_worker_that_hangs_ends_the_run_after_the_timeout(run, root):
    run(
        TRAIN,
        '--no-validate',
        code=2,
        train_dataloader__num_workers=2,
        train_dataloader__timeout=10,
        train_dataloader__dataset__pipeline__0__name='train2',
        train_dataloader__dataset__pipeline__0__fault='hang',
        **skip('train'),
    )
    assert 'no batch from the data workers for 10 seconds, the timeout' in run.message
    assert f'{root}/train/Swap_train2.tar' in run.message


@pytest.mark.faults
def test_upstream_tool_skips_as_well(root, tmp_path):
    # That tool has no short way to set the same for all three.
    loaders = [f'{split}_dataloader' for split in ('train', 'val', 'test')]
    options = {f'{loader}.dataset.data_root': root for loader in loaders}
    options |= skip('train', 'val')
    words = [CLIPS_CONFIG, '--work-dir', 'run', *options_of(root, options)]
    run_tool(UPSTREAM / 'train.py', *words, cwd=tmp_path,
             PYTHONPATH=f'{ROOT}:{ROOT / "tests"}')  # fmt: skip
    assert count_skipped(tmp_path / 'run', 'train', 'train') == [1]


@NO_GPU
@pytest.mark.faults
def test_two_processes_leave_out_the_same_steps(root, tmp_path):
    options = skip('train', 'val') | {'train_dataloader__batch_size': 1}
    words = ['2', '--work-dir', 'run', *options_of(root, options)]
    run_tool(ROOT / 'tools/dist_train.sh', CLIPS_CONFIG, *words, cwd=tmp_path)
    assert (tmp_path / 'run/epoch_1.pth').is_file()
    assert count_skipped(tmp_path / 'run', 'train', 'train') == [1]
    assert count_skipped(tmp_path / 'run', 'train', 'val') == [1]
    record = read_json(tmp_path / 'run/run.json')['train']['skipped_videos']
    assert record['steps_left_out'] == 1


@NO_GPU
@pytest.mark.faults
@pytest.mark.parametrize('batch_size', [1, 3])
def test_test_of_two_processes_is_that_of_one(tmp_path, trained, batch_size):
    # 10 videos in batches of 3 make the sampler repeat some to fill the shares.
    root = make_clips(tmp_path / 'clips', splits=('test',), num_pairs=5)
    for name in ('Swap_test0', 'real_test4'):
        damage_frame(root / f'test/{name}.tar')
    options = skip('test') | {'test_dataloader__batch_size': batch_size}
    options |= {f'{phase}_dataloader': None for phase in ('train', 'val')}
    options |= {f'{phase}_cfg': None for phase in ('train', 'val')}
    options |= dict(val_evaluator=None, optim_wrapper=None, param_scheduler=None)
    words = [trained, *options_of(root, options)]
    one = ['--work-dir', 'one']
    run_tool(TEST, CLIPS_CONFIG, *words, *one, cwd=tmp_path)
    words = [trained, '2', '--work-dir', 'two', *words[1:]]
    run_tool(ROOT / 'tools/dist_test.sh', CLIPS_CONFIG, *words, cwd=tmp_path)
    scores = read_scores(tmp_path / 'one')
    assert len(scores) == 8
    assert read_scores(tmp_path / 'two') == pytest.approx(scores, abs=1e-6)
    for folder in ('one', 'two'):
        record = read_json(tmp_path / folder / 'metrics.json')
        assert record['left_out'] == {'broken': 2}
        assert count_skipped(tmp_path / folder, 'test', 'test') == [2]
