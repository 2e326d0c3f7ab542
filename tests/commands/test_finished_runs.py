"""Runs are read from their folders, and inconsistent ones are reported."""

import json
import os

import pytest
from run_builders import (
    make_predictions,
    make_run,
    test_keys,
    write_figures,
    write_training,
)

from mmdeepfake.commands.finished_runs import VideoSource, find_runs
from mmdeepfake.errors import DataNotFoundError
from mmdeepfake.evaluation import write_predictions

STEM = 'ratf_r50_ffpp_lq_df'
FEW = make_predictions(test_keys()[::10])


@pytest.fixture
def folder(tmp_path):
    return make_run(tmp_path / 'run', predictions=FEW)


def problem(folder):
    found = find_runs([folder])
    assert found.scored == ()
    (broken,) = found.broken.values()
    return broken


def edit_metrics(folder, change):
    path = folder / 'metrics.json'
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def test_run_knows_its_training_and_test_data(folder):
    found = find_runs([folder])
    (run,) = found.scored
    source = VideoSource('FaceForensics++', 'c40', ('Deepfakes',))
    assert run.source == run.training.source == source
    assert run.training.facts['seed'] == 0
    assert (run.place, run.checkpoint) == (
        folder,
        str(folder / 'best_deepfake_auc_epoch_3.pth'),
    )
    assert list(run.predictions) == sorted(FEW, key=lambda one: one.key)


def test_training_without_a_test_has_no_figures(tmp_path):
    write_training(tmp_path / 'run', STEM)
    found = find_runs([tmp_path])
    assert found.scored == () and not found.broken


def test_config_of_the_training_is_not_that_of_a_later_test(folder):
    config = folder / f'{STEM}.py'
    config.write_text(config.read_text().replace('c40', 'c23'))
    assert find_runs([folder]).scored[0].training.source.compression == 'c40'


def test_training_whose_config_a_test_has_replaced_is_not_guessed_at(folder):
    for path in folder.glob('*/vis_data/*'):
        path.unlink()
    assert 'no config of its training' in problem(folder)


def test_folder_named_twice_is_read_once(folder):
    link = folder.with_name('link')
    os.symlink(folder, link)
    assert len(find_runs([folder, folder.parent, link]).scored) == 1


def test_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(DataNotFoundError, match=r'no run\.json in or below .*nowhere'):
        find_runs([tmp_path / 'nowhere'])


def test_changed_predictions_are_refused(folder):
    write_predictions(folder / 'predictions.csv', FEW[:-1])
    assert 'belongs to predictions with SHA-256' in problem(folder)


@pytest.mark.parametrize('name', ['predictions.csv', 'metrics.json'])
def test_either_file_alone_is_refused(folder, name):
    (folder / name).unlink()
    assert name in problem(folder)


@pytest.mark.parametrize('name', ['acc', 'auc', 'num_real'])
def test_figures_that_do_not_follow_from_the_predictions_are_refused(folder, name):
    def improve(record):
        record['methods'][0][name] = 1

    edit_metrics(folder, improve)
    assert f'{name} of Deepfakes is 1' in problem(folder)


def test_rows_that_are_not_in_the_predictions_are_refused(folder):
    edit_metrics(folder, lambda record: record['methods'][0].update(name='FaceSwap'))
    assert 'of Deepfakes is missing' in problem(folder)


@pytest.mark.parametrize('text', ['', '[]', '{"train": 1}'])
def test_damaged_record_is_reported(folder, text):
    (folder / 'run.json').write_text(text)
    assert any('run.json' in one for one in find_runs([folder]).broken.values())


def test_record_without_counts_is_reported(folder):
    record = json.loads((folder / 'run.json').read_text())
    del record['train']['videos']
    (folder / 'run.json').write_text(json.dumps(record))
    assert "lacks 'videos'" in find_runs([folder]).broken[folder]


def test_other_sub_folders_are_not_test_sets(folder):
    """Corrupted videos and validation videos are no test sets."""
    for name in ('robustness/blur-1', 'calibration/val'):
        write_figures(folder / name, FEW)
    assert [run.place for run in find_runs([folder]).scored] == [folder]
