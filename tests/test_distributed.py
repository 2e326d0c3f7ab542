"""Two processes on the CPU train, and test like one, to the last bit."""

import csv
import json
import multiprocessing
import os
import runpy
import sys

import pytest
import torch
from tool_runs import CONFIG, ROOT, run_tool, run_tool_here

TRAIN, TEST = ROOT / 'tools/dist_train.sh', ROOT / 'tools/dist_test.sh'
# Two processes make other batches than one; a larger batch may round otherwise.
SINGLE = [f'{name}_dataloader.batch_size=1' for name in ('val', 'test')]

pytestmark = pytest.mark.skipif(
    torch.cuda.is_available(), reason='two processes would want two GPUs'
)


def be_a_rank(rank, port, folder, words):
    """Train with what torchrun tells its processes."""
    os.chdir(folder)
    os.environ |= dict(
        RANK=f'{rank}',
        LOCAL_RANK=f'{rank}',
        WORLD_SIZE='2',
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=f'{port}',
        TORCHELASTIC_USE_AGENT_STORE='True',
    )
    sys.argv = ['train.py', str(CONFIG), '--launcher', 'pytorch', *words]
    runpy.run_path(str(ROOT / 'tools/train.py'), run_name='__main__')


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A folder with a run of two processes in `run/`, validated on 5 videos.

    They are forks of this one, which has made the imports.
    """
    folder = tmp_path_factory.mktemp('distributed')
    options = [
        *SINGLE,
        'val_evaluator.predictions_csv=run/predictions.csv',
        'val_evaluator.metrics_json=run/metrics.json',
    ]
    words = ['--work-dir', 'run', '--cfg-options', *options]
    store = torch.distributed.TCPStore('127.0.0.1', 0, is_master=True)
    fork = multiprocessing.get_context('fork')
    ranks = [
        fork.Process(target=be_a_rank, args=(rank, store.port, folder, words))
        for rank in range(2)
    ]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
    assert [rank.exitcode for rank in ranks] == [0, 0]
    return folder


def read_predictions(folder):
    with open(folder / 'predictions.csv', newline='') as file:
        return {row['name']: float(row['fake_score']) for row in csv.DictReader(file)}


def read_figures(folder):
    record = json.loads((folder / 'metrics.json').read_text())
    record.pop('predictions')  # its hash tells the last bit of each score
    record.pop('checkpoint')  # a validation in training is of none yet
    return record


@pytest.fixture
def compare_with_one_process(trained, monkeypatch):
    """Test the last checkpoint in one process and compare with the folder `two`."""
    monkeypatch.chdir(trained)

    def compare(two, num_videos):
        options = [*SINGLE, f'test_dataloader.dataset.num_videos={num_videos}']
        words = ['run/epoch_2.pth', '--work-dir', 'one', '--cfg-options', *options]
        assert run_tool_here(ROOT / 'tools/test.py', CONFIG, *words) == 0
        scores = read_predictions(trained / 'one')
        assert sorted(scores) == [f'{index:03d}' for index in range(num_videos)]
        assert read_predictions(two) == scores
        assert read_figures(two) == read_figures(trained / 'one')

    return compare


def test_script_starts_the_tool_in_processes(tmp_path):
    done = run_tool(TRAIN, CONFIG, '2', '--no-such', cwd=tmp_path, code=2)
    assert 'error: unrecognized arguments: --no-such' in done.stderr
    assert 'Traceback' not in done.stderr


def test_two_processes_train_one_model(trained):
    record = json.loads((trained / 'run/run.json').read_text())['train']
    assert record['processes'] == 2
    assert list((trained / 'run').glob('best_deepfake_auc_*.pth'))


def test_validation_of_5_videos_is_that_of_one_process(
    trained, compare_with_one_process
):
    compare_with_one_process(trained / 'run', 5)


@pytest.mark.slow
def test_test_of_7_videos_is_that_of_one_process(trained, compare_with_one_process):
    words = ['2', '--work-dir', 'two', '--cfg-options', *SINGLE]
    run_tool(TEST, CONFIG, 'run/epoch_2.pth', *words, cwd=trained)
    compare_with_one_process(trained / 'two', 7)


@pytest.mark.slow
def test_two_processes_give_one_message(trained):
    words = ['2', '--work-dir', 'none', '--cfg-options', 'data_root=/none']
    done = run_tool(TRAIN, CONFIG, *words, cwd=trained, code=2)
    assert done.stderr.count('error: no folder /none: set data_root') == 1
