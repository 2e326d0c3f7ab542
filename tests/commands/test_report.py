import json

import pytest
from tool_runs import ROOT, run_tool_here

from mmdeepfake.commands.report import write_report
from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.evaluation.predictions import VideoPrediction, write_predictions
from mmdeepfake.evaluation.summarise import summarise
from mmdeepfake.structures import VideoKey

TOOL = ROOT / 'tools/report.py'


def make_predictions():
    predictions = []
    for index in range(6):
        real = VideoKey('ffpp', 0, 'real', 'c40', f'{index:03d}')
        predictions.append(VideoPrediction(real, index / 10))
        for shift, method in ((0.4, 'Deepfakes'), (0.1, 'FaceSwap')):
            fake = VideoKey('ffpp', 1, method, 'c40', f'{index:03d}')
            predictions.append(VideoPrediction(fake, index / 10 + shift))
    return predictions


@pytest.fixture
def work_dir(tmp_path):
    """The folder of a run that was trained and tested."""
    predictions = make_predictions()
    sha256 = write_predictions(tmp_path / 'predictions.csv', predictions)
    record = summarise(predictions).to_json()
    record['predictions'] = {'file': 'predictions.csv', 'sha256': sha256}
    (tmp_path / 'metrics.json').write_text(json.dumps(record))
    log = tmp_path / '20260101_000000' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text('{"loss": 0.7, "lr": 0.001, "step": 10}\n')
    return tmp_path


@pytest.fixture
def undrawn(monkeypatch):
    """Leave out the pictures, which take most of the time."""
    for name in ('plot_scores', 'plot_reliability', 'plot_training_curve'):
        monkeypatch.setattr(f'mmdeepfake.commands.report.{name}', lambda *_, **__: None)


def test_report_shows_table_notes_and_pictures(work_dir):
    report = write_report(work_dir)
    text = (work_dir / 'report.md').read_text()
    for line in (
        '| manipulation | ACC % | AUC % [95% CI] | EER % | AP % | real | fake |',
        '| Deepfakes |',
        '| FaceSwap |',
        '| macro |',
        '| **all** |',
        '- Level: video. 18 videos (6 real, 12 fake).',
        '- Interval: 95% percentile bootstrap over videos',
        '![scores](scores.png)',
        '![training curve](training_curve.png)',
    ):
        assert line in text
    assert all(path.is_file() for path in report.files.values())
    assert repr(report.summary) == repr(summarise(make_predictions()))


def test_report_without_a_training_log_says_so(work_dir, undrawn):
    (work_dir / '20260101_000000' / 'vis_data' / 'scalars.json').unlink()
    report = write_report(work_dir)
    assert 'training curve' not in report.files
    assert 'No training curve' in (work_dir / 'report.md').read_text()


@pytest.mark.parametrize('name', ['predictions.csv', 'metrics.json'])
def test_missing_file_names_the_command_that_makes_it(work_dir, name):
    (work_dir / name).unlink()
    with pytest.raises(DataNotFoundError, match=r'tools/test\.py CONFIG CHECKPOINT'):
        write_report(work_dir)


def test_missing_work_dir_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(DataNotFoundError, match=r'nowhere: .*tools/train\.py'):
        write_report(tmp_path / 'nowhere')


def test_figures_of_other_predictions_are_refused(work_dir):
    write_predictions(work_dir / 'predictions.csv', make_predictions()[:-1])
    with pytest.raises(DataError, match='belongs to predictions with SHA-256'):
        write_report(work_dir)


@pytest.mark.parametrize(
    'content', ['', '{', '[]', '{"methods": []}', '{"methods": [{}]}']
)
def test_broken_figures_are_refused(work_dir, content):
    (work_dir / 'metrics.json').write_text(content)
    with pytest.raises(DataError, match='not what DeepfakeMetric writes'):
        write_report(work_dir)


def test_tool_prints_the_report_and_its_files(work_dir, undrawn, capsys):
    assert run_tool_here(TOOL, work_dir) == 0
    printed = capsys.readouterr().out
    for text in ('Deepfakes', 'Level: video.', 'report.md', 'training_curve.png'):
        assert text in printed


def test_tool_prints_an_error_in_one_line(tmp_path, capsys):
    assert run_tool_here(TOOL, tmp_path) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f'error: no prediction file {tmp_path}')
    assert printed.count('\n') == 1


def test_report_says_how_many_bases_the_test_videos_used(work_dir, undrawn):
    usage = {'in_use': 5, 'num_basis': 8, 'largest_share': 0.43}
    entries = {'test': {'basis_usage': {'backbone.layer1.0.temporal': usage}}}
    (work_dir / 'run.json').write_text(json.dumps(entries))
    assert 'layer1.0 5 of 8 (43%)' in '\n'.join(write_report(work_dir).notes)
