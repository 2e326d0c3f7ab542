"""The paper's tables: which run fills a cell, which is refused, what is written."""

import argparse
import csv
import hashlib
import io
import re
import shlex
from dataclasses import replace

import numpy as np
import pytest
from mmengine.config import DictAction
from run_builders import (
    FFPP,
    add_record,
    made_up_paper,
    make_predictions,
    make_run,
    test_keys,
    write_evaluation,
    write_figures,
    write_test,
    write_training,
)
from tool_runs import ROOT

from mmdeepfake.commands.markdown import plain
from mmdeepfake.commands.paper_tables import cells
from mmdeepfake.commands.paper_tables.cells import collect
from mmdeepfake.commands.paper_tables.writing import (
    CSV_COLUMNS,
    format_csv,
    format_markdown,
    write_paper_tables,
)
from mmdeepfake.engine.build import load_config
from mmdeepfake.engine.config_checks import check_config
from mmdeepfake.errors import DataNotFoundError
from mmdeepfake.evaluation import VideoPrediction
from mmdeepfake.structures import VideoKey

ALL = ('Deepfakes', 'Face2Face', 'FaceSwap', 'NeuralTextures')
CELEB = 'Celeb-DF'
MADE_UP = make_predictions(test_keys())
RATF_DF = 'ratf_r50_ffpp_lq_df'
LQ_DF_CELLS = [
    ('1', 'RATF + CSA', 'LQ DF'),
    ('4a', '+ RATF + CSA', 'LQ DF'),
    ('4b', 'r = 8', 'LQ DF'),
    ('4c', 'stage 1+2+3+4', 'LQ DF'),
]


@pytest.fixture(autouse=True)
def made_up_names(monkeypatch):
    """Treat the made-up test names as the official ones."""
    monkeypatch.setattr(cells, 'read_paper', made_up_paper)


@pytest.fixture(scope='module')
def one_run(tmp_path_factory):
    """What is collected from one run, of Deepfakes at LQ."""
    folder = make_run(tmp_path_factory.mktemp('one') / 'run')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, 'read_paper', made_up_paper)
        return collect([folder])


def places(collection):
    """Filled cells as ('1', 'RATF + CSA', 'LQ DF')."""
    return [
        (cell.table.number, cell.row.name, cell.column.name)
        for cell, runs in collection.cells.items()
        if runs
    ]


def first_runs(collection):
    """The runs of the first filled cell."""
    return next(runs for runs in collection.cells.values() if runs)


def refusal(folder):
    """The one reason for which a folder's run is in no table."""
    collection = collect([folder])
    assert not places(collection)
    ((_, reason),) = collection.refused
    return reason


def celeb_predictions(num_real=178, num_fake=340):
    real = [VideoKey(CELEB, 0, 'real', '', f'id0_{i:04d}') for i in range(num_real)]
    fake = [
        VideoKey(CELEB, 1, 'synthesis', '', f'id0_id1_{i:04d}') for i in range(num_fake)
    ]
    return [
        VideoPrediction(key, 0.25 + 0.5 * key.label, identities=('id0',))
        for key in real + fake
    ]


def accuracy_of(seed):
    right = [(p.fake_score >= 0.5) == p.key.label for p in
             make_predictions(test_keys(), seed=seed)]  # fmt: skip
    return sum(right) / len(right)


def table_of(markdown, title):
    """The lines of one table, as lists of cells."""
    part = markdown.split(f'## {title}')[1].split('\n## ')[0]
    lines = [line for line in part.splitlines() if line.startswith('| ')]
    return [line.strip('| ').split(' | ') for line in lines]


def test_model_of_one_manipulation_fills_its_cells(one_run):
    assert places(one_run) == LQ_DF_CELLS
    (cell,) = first_runs(one_run)
    assert cell.row.acc == pytest.approx(accuracy_of(0))
    assert (cell.row.num_real, cell.row.num_fake) == (140, 140)
    assert cell.footnotes == ()


def test_baseline_at_high_quality_by_options_fills_its_own_cell(tmp_path):
    make_run(
        tmp_path / 'run',
        'tam_ffpp_lq',
        predictions=make_predictions(test_keys(('FaceSwap',), 'c23')),
        options={'compression': 'c23', 'methods': 'FaceSwap'},
        methods=('FaceSwap',),
    )
    assert places(collect([tmp_path])) == [('1', 'TAM', 'HQ FS')]


def test_cross_dataset_model_fills_table_3_but_not_table_1(tmp_path):
    write_training(tmp_path, 'ratf_r50_ffpp_lq', methods=ALL)
    add_record(tmp_path, 'test', {'config': 'ratf_r50_ffpp_lq.py'})
    everything = make_predictions(test_keys(ALL))
    sets = {'ffpp_lq': everything, 'celeb_df': celeb_predictions()}
    write_evaluation(tmp_path, sets)
    collection = collect([tmp_path])
    expected = [('3', 'RATF + CSA', name) for name in ('FF++ DF', 'Celeb-DF')]
    assert places(collection) == expected
    (run,) = first_runs(collection)
    assert (run.row.name, run.row.num_fake) == ('Deepfakes', 140)


def dfdc_predictions():
    keys = [VideoKey('DFDC-preview', 0, 'real', '', f'r{i}') for i in range(276)]
    keys += [VideoKey('DFDC-preview', 1, 'A', '', f'f{i}') for i in range(504)]
    return [VideoPrediction(key, 0.25 + 0.5 * key.label) for key in keys]


@pytest.mark.parametrize(
    ('stem', 'trained', 'predictions', 'column', 'told'),
    [
        (
            'ratf_r50_celeb_df',
            dict(methods=('synthesis',), dataset=CELEB, persons=('id0',)),
            celeb_predictions(),
            'Celeb-DF',
            ['shows persons of the training videos'],
        ),
        (  # three more than the paper counted
            'ratf_r50_dfdc_preview',
            dict(methods=('A',), dataset='DFDC-preview'),
            dfdc_predictions(),
            'DFDC',
            ['780', '777'],
        ),
    ],
)
def test_other_sets_fill_table_2(tmp_path, stem, trained, predictions, column, told):
    write_training(tmp_path, stem, **trained)
    write_test(tmp_path, stem, predictions)
    collection = collect([tmp_path])
    assert places(collection) == [('2', 'RATF + CSA', column)]
    (note,) = collection.footnotes
    assert all(text in note for text in told)


def test_a_copied_run_counts_once(tmp_path):
    make_run(tmp_path / 'a')
    make_run(tmp_path / 'b')
    collection = collect([tmp_path])
    assert len(first_runs(collection)) == 1
    ((_, reason),) = collection.refused
    assert str(tmp_path / 'a') in reason


RENAMED = [replace(p, key=p.key._replace(name=f'1{p.key.name}')) for p in MADE_UP]
OTHER_QUALITY = make_predictions(test_keys(compression='c23'))


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        # FaceForensics++ has 140 + 140 videos in both validation and test.
        ({'predictions': RENAMED}, 'not those of the official split'),
        ({'predictions': MADE_UP[:-3]}, '140 real and 137 fake videos'),
        ({'predictions': OTHER_QUALITY}, 'tested on FaceForensics++ c23'),
        ({'persons': ('000', '860')}, '1 of 140 persons'),
        ({'options': {'val_dataloader.dataset.split': 'test'}}, 'test set'),
        (
            {'options': {'model.backbone.ratf_cfg': {'num_basis': 4}}},
            f'model is not that of our config {RATF_DF}',
        ),
        (
            dict(stem='ratf_r50_ffpp_lq_uncropped', options={'methods': 'Deepfakes'}),
            'reads FaceForensics',
        ),
    ],
)
def test_run_that_differs_from_the_papers_is_refused(tmp_path, changes, reason):
    assert reason in refusal(make_run(tmp_path / 'run', **changes))


@pytest.mark.parametrize(
    ('stem', 'trained', 'tested', 'dataset', 'reason'),
    [
        ('ratf_r50_ffpp_lq', ALL, ('FaceSwap',), FFPP, 'the paper tests it on'),
        ('ratf_r50_ffpp_lq_without_df', ALL[1:], ALL[:1], FFPP, 'not in the tables'),
        ('ratf_r18_miniff', ALL, ALL, 'MiniFF', 'not in the tables'),
    ],
)
def test_other_protocols_are_refused(tmp_path, stem, trained, tested, dataset, reason):
    write_training(tmp_path, stem, methods=trained, dataset=dataset)
    write_test(tmp_path, stem, make_predictions(test_keys(tested, dataset=dataset)))
    assert reason in refusal(tmp_path)


def test_celeb_df_videos_seen_in_training_are_refused(tmp_path):
    write_training(tmp_path, 'ratf_r50_celeb_df', methods=('synthesis',), dataset=CELEB)
    seen = VideoKey(CELEB, 0, 'real', '', '000')
    predictions = [*celeb_predictions(177), VideoPrediction(seen, 0.1)]
    write_test(tmp_path, 'ratf_r50_celeb_df', predictions)
    assert refusal(tmp_path).startswith('1 of 518 videos')


def test_unknown_training_or_test_data_are_refused(tmp_path):
    folder = make_run(tmp_path / 'run')
    checkpoint = tmp_path / 'other/best.pth'
    write_test(folder, RATF_DF, MADE_UP, checkpoint=checkpoint)
    assert str(checkpoint) in refusal(folder)
    write_figures(folder, MADE_UP)
    assert 'not recorded' in refusal(folder)
    mixed = [*MADE_UP, *celeb_predictions()]
    write_figures(folder, mixed, checkpoint=folder / 'epoch_3.pth')
    assert 'several datasets' in refusal(folder)
    (folder / 'training_videos.json').unlink()
    assert 'training data unknown' in refusal(folder)


def test_checkpoint_of_another_folder_brings_its_own_training(tmp_path):
    """The folder that a test writes into is not where the weights were trained."""
    trained, folder = tmp_path / 'trained', make_run(tmp_path / 'run')
    write_training(trained, 'ratf_r50_ffpp_lq', methods=ALL)
    write_test(folder, RATF_DF, MADE_UP, checkpoint=trained / 'best_epoch_3.pth')
    assert places(collect([folder])) == [('3', 'RATF + CSA', 'FF++ DF')]


def test_sets_of_an_older_evaluation_keep_their_own_checkpoint(tmp_path):
    write_training(tmp_path, 'ratf_r50_ffpp_lq', methods=ALL)
    older = {'ffpp_lq': make_predictions(test_keys(ALL))}
    write_evaluation(tmp_path, older, checkpoint=tmp_path / 'elsewhere/epoch_1.pth')
    write_evaluation(tmp_path, {'celeb_df': celeb_predictions()})
    collection = collect([tmp_path])
    assert places(collection) == [('3', 'RATF + CSA', 'Celeb-DF')]
    ((_, reason),) = collection.refused
    assert 'training data unknown' in reason


def test_folder_that_was_moved_still_knows_its_training(tmp_path):
    folder = make_run(tmp_path / 'run')
    folder.rename(tmp_path / 'away')  # renamed: whose training it was is open
    assert 'unknown' in refusal(tmp_path / 'away')
    (tmp_path / 'there').mkdir()
    (tmp_path / 'away').rename(tmp_path / 'there/run')
    assert places(collect([tmp_path / 'there/run'])) == LQ_DF_CELLS


NO_VALIDATION = dict.fromkeys(('val_cfg', 'val_dataloader', 'val_evaluator'))
OTHER_PATHS = {
    'data_root': '/elsewhere',
    'model.backbone.pretrained': 'resnet50.pth',
    'train_dataloader.num_workers': 2,
}


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        ({'weights': 'random (nothing pretrained)'}, ['random initial weights']),
        ({'num_videos': 48}, ['trained on 48 real videos; .* split has 720']),
        ({'options': NO_VALIDATION}, ['trained without validation']),
        ({'options': OTHER_PATHS}, []),
    ],
)
def test_smaller_differences_are_footnotes(tmp_path, changes, told):
    make_run(tmp_path / 'run', **changes)
    found = collect([tmp_path]).footnotes
    assert len(found) == len(told)
    assert all(re.search(text, note) for text, note in zip(told, found, strict=True))


def test_last_checkpoint_threshold_and_missing_faces_are_footnotes(tmp_path):
    write_training(tmp_path, RATF_DF)
    last = tmp_path / 'epoch_45.pth'
    write_test(
        tmp_path, RATF_DF, MADE_UP, checkpoint=last, threshold=0.4, num_no_face=2
    )
    collection = collect([tmp_path])
    threshold, faces, checkpoint = collection.footnotes
    assert 'P(fake) >= 0.4' in threshold
    assert '2 test videos without a face' in faces
    assert 'epoch_45.pth' in checkpoint
    text = format_markdown(collection)
    assert table_of(text, 'Table 1: ')[-1][10].endswith('n = 280 (1) (2) (3)')
    assert f'- (3) {plain(checkpoint)}' in text


def test_run_stands_beside_the_papers_figure_with_interval_and_videos(one_run):
    header, _, *rows = table_of(format_markdown(one_run), 'Table 1: ')
    at = header.index('LQ DF ACC, ours')
    assert header[at - 1] == 'LQ DF ACC, paper'
    assert (rows[0][0], rows[0][at - 1]) == ('ResNet-50†', '0.9536')
    ours = rows[-1]
    assert (ours[0], ours[at - 1]) == ('RATF + CSA', '0.9928')
    low, high = one_run.found.scored[0].summary.methods[0].intervals['acc']
    assert ours[at] == f'{accuracy_of(0):.4f} [{low:.4f}, {high:.4f}], n = 280'


def test_csv_has_every_cell_of_the_paper_in_full_precision(one_run):
    rows = list(csv.DictReader(io.StringIO(format_csv(one_run))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert len(rows) == sum(len(t.rows) * len(t.columns) for t in one_run.paper.tables)
    filled = [(row['table'], row['row'], row['column']) for row in rows if row['ours']]
    assert filled == LQ_DF_CELLS
    for row in rows:
        if not row['ours']:
            assert not row['low'] and not row['run'] and not row['predictions_sha256']
    (row,) = [r for r in rows if r['table'] == '1' and r['ours']]
    assert float(row['ours']) == accuracy_of(0)
    assert (row['paper'], row['seed']) == ('0.9928', '0')
    assert (row['num_real'], row['num_fake']) == ('140', '140')
    predictions = one_run.found.scored[0].place / 'predictions.csv'
    sha256 = hashlib.sha256(predictions.read_bytes()).hexdigest()
    assert row['predictions_sha256'] == sha256
    quoted = {(r['table'], r['row']) for r in rows if r['paper_quoted'] == 'True'}
    assert ('1', 'DeepRhythm') in quoted and ('2', 'RATF + CSA') not in quoted


def test_several_seeds_give_mean_and_spread_and_are_all_listed_in_order(tmp_path):
    for seed in (2, 0, 1):
        predictions = make_predictions(test_keys(), seed=seed)
        make_run(tmp_path / f'run{9 - seed}', predictions=predictions, seed=seed)
    collection = collect([tmp_path])
    text = format_markdown(collection)
    values = [accuracy_of(seed) for seed in range(3)]
    mean, spread = np.mean(values), np.std(values, ddof=1)
    ours = table_of(text, 'Table 1: ')[-1]
    assert f'{mean:.4f} ± {spread:.4f}, 3 runs, n = 280' in ours
    listed = [
        row for row in table_of(text, 'Runs in the tables') if 'Table 1,' in row[0]
    ]
    assert [row[2] for row in listed] == ['0', '1', '2']
    for row, value in zip(listed, values, strict=True):
        assert row[3].startswith(f'ACC {value:.4f} ')
    rows = csv.DictReader(io.StringIO(format_csv(collection)))
    assert len([row for row in rows if row['table'] == '1' and row['ours']]) == 3


def test_two_configs_of_one_row_are_two_lines(tmp_path):
    for method in ('tam', 'tam_snippets'):
        predictions = make_predictions(test_keys(), seed=len(method))
        make_run(
            tmp_path / method, f'{method}_ffpp_lq', predictions=predictions,
            options={'methods': 'Deepfakes'},
        )  # fmt: skip
    rows = table_of(format_markdown(collect([tmp_path])), 'Table 1: ')
    named = [row for row in rows if row[0].startswith('TAM')]
    assert [row[0] for row in named] == ['TAM† (tam)', 'TAM† (tam_snippets)']
    for row in named:
        (ours,) = [text for text in row if 'n = ' in text]
        assert ours.endswith('n = 280') and 'runs' not in ours


ANGRY = '<script>alert("&1|2`*$\\frac{")</script>'


def test_refused_run_is_listed_with_its_figures_reason_and_name(tmp_path):
    folder = tmp_path / ANGRY.replace('/', '-')
    write_training(folder, 'ratf_r18_miniff', dataset=ANGRY)
    write_test(folder, 'ratf_r18_miniff', make_predictions(test_keys(dataset=ANGRY)))
    text = format_markdown(collect([tmp_path]))
    assert '<script>' not in text.replace('\\<script\\>', '')
    header, _, row = table_of(text.replace('\\|', ''), 'Runs in no table')
    assert header[1:4] == ['real + fake', 'ACC', 'AUC']
    assert len(row) == 5
    assert row[1] == '140 + 140'
    assert row[2].startswith(f'{accuracy_of(0):.4f} ')
    assert 'not in the tables' in row[4]


def test_files_are_written_and_a_refused_run_is_printed(tmp_path, capsys):
    folder, other, out = (tmp_path / name for name in ('run', 'other', 'out'))
    make_run(folder)
    make_run(other, predictions=MADE_UP[1:])
    words = argparse.Namespace(work_dirs=[str(folder), str(other)], out=str(out))
    write_paper_tables(words)
    names = {'paper_tables.csv', 'paper_tables.md'}
    assert {path.name for path in out.iterdir()} == names
    printed = capsys.readouterr().out
    assert '4 cells filled' in printed
    assert f'{other}: 139 real and 140 fake videos' in printed
    words.work_dirs = [str(tmp_path / 'nowhere')]
    with pytest.raises(DataNotFoundError, match='nowhere'):
        write_paper_tables(words)


DOCS = (ROOT / 'docs/paper_tables.md').read_text(encoding='utf-8')


def test_training_commands_in_the_docs_are_valid():
    lines = re.findall(
        r'^    (python tools/train\.py (?:.*\\\n)*.*)$', DOCS, re.MULTILINE
    )
    assert len(lines) == 8
    for line in lines:
        words = shlex.split(line.replace('\\\n', ' '))
        pairs = words[words.index('--cfg-options') + 1 :] if len(words) > 5 else []
        options = {
            key: DictAction._parse_iterable(value)
            for key, value in (pair.split('=', 1) for pair in pairs)
        }
        check_config(load_config(ROOT / words[2], options))
