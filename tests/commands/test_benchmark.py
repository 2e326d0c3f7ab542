"""The benchmark with stubs for training and test."""

import argparse
import csv
import json
import re
import shutil
from pathlib import Path

import pytest
from tool_runs import CONFIG, ROOT, run_tool_here

from mmdeepfake.commands.benchmark import plan as benchmark_plan
from mmdeepfake.commands.benchmark import run as benchmark_run
from mmdeepfake.commands.benchmark.plan import make_plan, parse_shard, run_benchmark
from mmdeepfake.commands.benchmark.run import Launch, describe_failure
from mmdeepfake.commands.complexity import measure_complexity
from mmdeepfake.commands.report import read_summary
from mmdeepfake.engine.work_folder import LOCK
from mmdeepfake.errors import ConfigError, InputError
from mmdeepfake.evaluation import DeepfakeMetric, VideoPrediction
from mmdeepfake.files.folder_lock import hold_lock
from mmdeepfake.structures import VideoKey

SCORES = {
    'seed0': (0.1, 0.6, 0.2, 0.7, 0.3, 0.15, 0.8, 0.9),
    'seed1': (0.1, 0.6, 0.2, 0.7, 0.3, 0.75, 0.4, 0.9),
}


@pytest.fixture(scope='module')
def figures(tmp_path_factory):
    """What a test leaves in its folder, for two seeds."""
    root = tmp_path_factory.mktemp('figures')
    for name, scores in SCORES.items():
        metric = DeepfakeMetric(
            num_resamples=50,
            predictions_csv=str(root / name / 'predictions.csv'),
            metrics_json=str(root / name / 'metrics.json'),
        )
        predictions = []
        for index, score in enumerate(scores):
            label, method = index % 2, ('real', 'Stub')[index % 2]
            key = VideoKey('stub', label, method, 'c0', str(index))
            predictions.append(VideoPrediction(key, score))
        metric.compute_metrics(predictions)
    return root


COSTS = {}


def measure_once(cfg):
    """Measure each model once for all tests."""
    key = str(cfg.model)
    if key not in COSTS:
        COSTS[key] = measure_complexity(cfg)
    return COSTS[key]


@pytest.fixture
def bench(tmp_path, monkeypatch, figures):
    """Run the benchmark on stubs of both tools; `calls` are theirs."""
    work = tmp_path / 'work'

    def run_stub(words, log):
        """Leave what a training or a test leaves, or fail on a `broken` name."""
        stage, folder = Path(words[1]).stem, Path(words[words.index('--work-dir') + 1])
        run.calls.append(f'{stage} {folder.parent.name} {folder.name}')
        if folder.parent.name in run.broken:
            log.write(b'a traceback\nerror: video 3 is broken\n')
            return 2
        if stage == 'train':
            assert {'--seed', '--resume'} < set(words)
            (folder / 'best_deepfake_auc_epoch_2.pth').touch()
        else:
            assert Path(words[3]).is_file()
            shutil.copytree(figures / folder.name, folder, dirs_exist_ok=True)
        return 0

    monkeypatch.setattr(benchmark_run, '_run_to_its_end', run_stub)
    monkeypatch.setattr(benchmark_plan, 'measure_complexity', measure_once)
    monkeypatch.syspath_prepend(ROOT / 'tests')
    for name in ('one', 'two'):
        text = CONFIG.read_text().replace('../../configs', str(ROOT / 'configs'))
        (tmp_path / f'{name}.py').write_text(text)

    def run(*names, **changes):
        settings = dict(
            configs=[str(tmp_path / f'{name}.py') for name in names or ('one', 'two')],
            work_dir=str(work), seeds=[0], launcher='none', processes=1, srun_args='',
            amp=False, cfg_options=None, shard='0/1', table_only=False,
        )  # fmt: skip
        run.calls = []
        run_benchmark(argparse.Namespace(**settings | changes))
        return work

    run.broken = set()
    return run


def read_csv(work):
    return list(csv.DictReader((work / 'benchmark.csv').open(encoding='utf-8')))


def table_cells(work):
    """The first row of the first table, by the names of its columns."""
    header, _, row = (work / 'benchmark.md').read_text().splitlines()[2:5]
    split = [line.strip('| ').split(' | ') for line in (header, row)]
    return dict(zip(*split, strict=True))


def test_each_config_is_trained_then_tested_and_never_again(bench, capsys):
    work = bench()
    assert bench.calls == [
        'train one seed0', 'test one seed0', 'train two seed0', 'test two seed0'
    ]  # fmt: skip
    assert '[1/2]' in capsys.readouterr().out
    assert {line['config'] for line in read_csv(work)} == {'one', 'two'}
    bench()
    assert bench.calls == []


def test_rows_of_the_table_are_those_of_the_metric(bench):
    work = bench('one')
    folder = work / 'one/seed0'
    summary = read_summary(folder / 'metrics.json', folder / 'predictions.csv')
    line = next(line for line in read_csv(work) if line['row'] == 'all')
    found = {}
    for name in ('acc', 'auc', 'auc_low', 'auc_high', 'eer', 'ap'):
        assert float(line[name]) == getattr(summary.overall, name)
        found[name] = f'{100 * float(line[name]):.1f}'
    text = (work / 'benchmark.md').read_text()
    assert '| {auc} [{auc_low}, {auc_high}] |'.format(**found) in text


def test_versions_of_the_code_are_shown(bench):
    work = bench()
    for name, code in (('one', 'commit a'), ('two', 'commit b')):
        record = {'train': {'code': code}, 'test': {'code': 'commit b'}}
        (work / name / 'seed0/run.json').write_text(json.dumps(record))
    bench(table_only=True)
    assert '- Code: commit a; commit b.\n' in (work / 'benchmark.md').read_text()


def test_rows_of_other_rules_or_fewer_videos_are_named(bench):
    work = bench()
    changes = {
        'one': {'left_out': {'too short': 8}},
        'two': {'score_rule': 'mean over frames'},
    }
    for name, change in changes.items():
        path = work / name / 'seed0/metrics.json'
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
    bench(table_only=True)
    text = (work / 'benchmark.md').read_text()
    for name, rule in (
        ('one', 'softmax of the mean logits over snippets'),
        ('two', 'mean over frames'),
    ):
        assert re.search(rf'^- {name}: .*Video score: {rule}\.$', text, re.MULTILINE)
    assert '- one: Coverage: 50.0%. Of ' in text
    assert text.count('Coverage') == 1


def test_seeds_are_shown_with_mean_and_spread(bench):
    work = bench('one', seeds=[0, 1])
    lines = [line for line in read_csv(work) if line['row'] == 'all']
    cells = table_cells(work)
    for name, title in (('auc', 'all AUC %'), ('acc', 'all ACC %')):
        values = [100 * float(line[name]) for line in lines]
        mean = sum(values) / 2
        deviation = sum((value - mean) ** 2 for value in values) ** 0.5
        assert cells[title] == f'{mean:.1f} ± {deviation:.1f}'
    assert len({line['auc'] for line in lines}) == 2


def test_failure_leaves_a_row_and_an_exit_code_and_is_tried_again(
    bench, tmp_path, capsys
):
    work = tmp_path / 'work'
    bench.broken = {'one'}
    with pytest.raises(SystemExit) as caught:
        bench()
    assert caught.value.code == 1
    assert bench.calls == ['train one seed0', 'train two seed0', 'test two seed0']
    assert 'FAILED, train: video 3 is broken' in capsys.readouterr().out
    bench(table_only=True)  # the reason is kept
    text = (work / 'benchmark.md').read_text()
    assert 'seed 0: train: video 3 is broken' in text
    assert '1 run has no figures.' in text
    (line,) = [x for x in read_csv(work) if x['config'] == 'one']
    assert line['status'] == 'train: video 3 is broken'
    assert line['auc'] == ''
    bench.broken = set()
    bench()
    assert bench.calls == ['train one seed0', 'test one seed0']


def test_run_that_was_killed_after_its_training_is_tested_alone(bench):
    work = bench('one')
    path = work / 'one/seed0/benchmark.json'
    state = json.loads(path.read_text())
    path.write_text(json.dumps(state | {'stage': 'test'}))
    bench('one')
    assert bench.calls == ['test one seed0']


@pytest.mark.parametrize('name', ['metrics.json', 'predictions.csv'])
def test_missing_or_changed_figures_are_made_again(bench, name):
    work = bench('one')
    (work / 'one/seed0' / name).unlink()
    bench('one')
    assert bench.calls == ['test one seed0']


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        ({'cfg_options': {'optim_wrapper.optimizer.lr': 0.5}}, 'lr'),
        ({'amp': True}, 'amp = True'),
        ({'processes': 8}, 'processes = 8'),
    ],
)
def test_changed_settings_are_refused(bench, changes, told):
    bench('one')
    with pytest.raises(ConfigError, match=rf'runs of other settings \(.*{told}'):
        bench('one', **changes)
    assert bench.calls == []


def test_run_that_another_process_is_at_is_left_alone(bench):
    work = bench('one')
    path = work / 'one/seed0/benchmark.json'
    state = json.loads(path.read_text()) | {'stage': 'test'}
    path.write_text(json.dumps(state))
    with hold_lock(work / 'one/seed0/benchmark.lock'), pytest.raises(SystemExit):
        bench('one')
    assert bench.calls == []
    assert json.loads(path.read_text()) == state


@pytest.mark.slow
def test_training_of_a_killed_benchmark_keeps_a_second_one_out(
    tmp_path, monkeypatch, capsys
):
    """A real training holds a lock of its own in the folder of the run."""
    monkeypatch.setenv('PYTHONPATH', str(ROOT / 'tests'))
    words = [CONFIG, '--work-dir', tmp_path]
    folder = tmp_path / CONFIG.stem / 'seed0'
    with hold_lock(folder / LOCK):
        assert run_tool_here(ROOT / 'tools/benchmark.py', *words) == 1
    assert 'train: another run is in progress in' in capsys.readouterr().out


def test_shards_share_the_runs_out(bench, tmp_path):
    bench(seeds=[0, 1], shard='0/2')
    first = bench.calls
    bench(seeds=[0, 1], shard='1/2')
    assert len(first) == len(bench.calls) == 4
    assert not set(first) & {call for call in bench.calls if 'train' in call}
    assert len(read_csv(tmp_path / 'work')) == 4 * 2  # Stub and all, of four runs


@pytest.mark.parametrize('text', ['2/2', '1', '-1/2', 'a/b', '0/0'])
def test_shard_out_of_range_is_refused(text):
    with pytest.raises(ConfigError, match=f'--shard {text}: expected i/n with i'):
        parse_shard(text)


def test_table_only_runs_nothing(bench):
    work = bench('one', table_only=True)
    assert bench.calls == []
    assert 'seed 0: next: train' in (work / 'benchmark.md').read_text()


def test_configs_tested_on_different_data_are_refused(bench, tmp_path):
    text = (tmp_path / 'two.py').read_text().replace('num_videos=7', 'num_videos=6')
    (tmp_path / 'two.py').write_text(text)
    with pytest.raises(ConfigError, match='one and two are tested on different data'):
        bench()


def test_two_configs_of_one_name_are_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'tests')
    with pytest.raises(ConfigError, match='stub_config'):
        make_plan([str(CONFIG), str(CONFIG)], tmp_path, [0], Launch())
    with pytest.raises(ConfigError, match='--seeds 1 1: a seed repeats'):
        make_plan([str(CONFIG)], tmp_path, [1, 1], Launch())


@pytest.mark.parametrize(
    ('options', 'told'),
    [
        ({'train_cfg.val_begin': 3}, r'val_begin = 3, but training ends at 2'),
        ({'default_hooks.checkpoint.save_best': None}, 'save_best'),
        (
            dict.fromkeys(('val_cfg', 'val_dataloader', 'val_evaluator')),
            'val_cfg is None',
        ),
        ({'test_evaluator': {'type': 'AccMetric', '_delete_': True}}, 'DeepfakeMetric'),
    ],
)
def test_what_would_fail_after_the_training_is_refused_before(bench, options, told):
    with pytest.raises(ConfigError, match=told):
        bench('one', cfg_options=options)
    assert bench.calls == []


def test_missing_test_videos_are_named_before_the_training(bench):
    options = {
        'test_dataloader.dataset.type': 'DeepfakeDataset',
        'test_dataloader.dataset.data_root': '/none',
        'test_dataloader.dataset.prepared_from': ('celeb_df', '/raw'),
    }
    with pytest.raises(InputError, match='/none'):
        bench('one', cfg_options=options)
    assert bench.calls == []


@pytest.mark.parametrize(
    ('launch', 'words'),
    [
        (Launch('pytorch', 4), ['--standalone', '--nproc_per_node=4']),
        (Launch('slurm', 8, '--gres=gpu:8 -c 5'), ['srun', '--ntasks=8', '-c', '5']),
    ],
)
def test_processes_are_started_by_the_launcher(launch, words):
    command = launch.command('train.py')
    assert set(words) <= set(command)
    assert command[-2:] == ['--launcher', launch.launcher]
    assert command[-3].endswith('tools/train.py')
    scripts = [Path(word) for word in command if word.endswith('.py')]
    assert all(script.is_file() for script in scripts)


@pytest.mark.parametrize(
    ('log', 'code', 'expected'),
    [
        ('x\nerror: no folder /none\n', 2, 'no folder /none'),
        ('Traceback\nKeyError: 3\n', 1, 'exit code 1: KeyError: 3'),
        ('', -9, 'ended by signal 9'),
    ],
)
def test_failure_is_one_line(log, code, expected):
    assert describe_failure(log, code) == expected
