import pytest
from figure_builders import train, val, write_log

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.visualization.training_log import read_training_log


def test_validation_stands_at_the_iteration_before_it(tmp_path):
    # By epochs MMEngine writes the epoch as its step, by iterations 0.
    path = write_log(tmp_path / 's.json', train(10), train(20), val(0.6, 1), train(30))
    log = read_training_log([path])
    assert [step for step, _ in log.train] == [10, 20, 30]
    assert [(step, s['deepfake/auc']) for step, s in log.val] == [(20, 0.6)]


def test_line_that_a_full_disk_cut_off_is_left_out(tmp_path):
    path = write_log(tmp_path / 's.json', train(10), train(20))
    path.write_text(path.read_text()[:-5])
    assert [step for step, _ in read_training_log([path]).train] == [10]


def test_resumed_run_replaces_what_it_repeats(tmp_path):
    first = write_log(
        tmp_path / '1.json', train(10), val(0.5), train(20), val(0.6), train(30)
    )
    resumed = write_log(tmp_path / '2.json', train(20, 0.1), val(0.9), train(30, 0.2))
    log = read_training_log([first, resumed])
    assert [(step, s['loss']) for step, s in log.train] == [
        (10, 0.5),
        (20, 0.1),
        (30, 0.2),
    ]
    assert [(step, s['deepfake/auc']) for step, s in log.val] == [(10, 0.5), (20, 0.9)]


def test_run_started_anew_replaces_all(tmp_path):
    first = write_log(tmp_path / '1.json', train(10), val(0.5), train(20))
    anew = write_log(tmp_path / '2.json', train(10, 0.1))
    log = read_training_log([first, anew])
    assert [s['loss'] for _, s in log.train] == [0.1]
    assert log.val == []


def test_broken_line_is_named(tmp_path):
    path = write_log(tmp_path / 's.json', train(10))
    path.write_text(path.read_text() + '{"loss": 0.\n')
    with pytest.raises(DataError, match=r's\.json, line 2: invalid JSON'):
        read_training_log([path])


def test_missing_log_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(DataNotFoundError, match=r'tools/train\.py CONFIG writes one'):
        read_training_log([tmp_path / 's.json'])
