"""The three files: the paper's layout, our figures in it, what is empty and why."""

import argparse
import csv
import hashlib
import io
import re
import shlex
from html.parser import HTMLParser

import numpy as np
import pytest
from mmengine.config import DictAction
from run_builders import (
    made_up_paper,
    make_predictions,
    make_run,
    test_keys,
    write_test,
    write_training,
)
from tool_runs import ROOT

from mmdeepfake.commands import command_line
from mmdeepfake.commands.paper_tables import cells, writing
from mmdeepfake.commands.paper_tables.cells import collect
from mmdeepfake.commands.paper_tables.writing import (
    CSV_COLUMNS,
    format_csv,
    format_html,
    format_markdown,
    write_paper_tables,
)
from mmdeepfake.engine.build import load_config
from mmdeepfake.engine.config_checks import check_config
from mmdeepfake.evaluation import VideoPrediction
from mmdeepfake.structures import VideoKey

ANGRY = '<script>alert("&1|2`*$\\frac{")</script>'


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


def accuracy_of(seed):
    right = [(p.fake_score >= 0.5) == p.key.label for p in
             make_predictions(test_keys(), seed=seed)]  # fmt: skip
    return sum(right) / len(right)


def table_of(markdown, title):
    """The lines of one table, as lists of cells."""
    part = markdown.split(f'## {title}')[1].split('\n## ')[0]
    lines = [line for line in part.splitlines() if line.startswith('| ')]
    return [line.strip('| ').split(' | ') for line in lines]


def test_run_stands_beside_the_papers_figure_with_interval_and_videos(one_run):
    header, _, *rows = table_of(format_markdown(one_run), 'Table 1: ')
    at = header.index('LQ DF ACC, ours')
    assert header[at - 1] == 'LQ DF ACC, paper'
    assert (rows[0][0], rows[0][at - 1]) == ('ResNet-50†', '0.9536')
    ours = rows[-1]
    assert (ours[0], ours[at - 1]) == ('RATF + CSA', '0.9928')
    run = one_run.found.scored[0]
    low, high = run.summary.methods[0].intervals['acc']
    expected = f'{accuracy_of(0):.4f} [{low:.4f}, {high:.4f}], n = 280'
    assert ours[at] == expected


def test_csv_has_every_cell_of_the_paper_in_full_precision(one_run):
    rows = list(csv.DictReader(io.StringIO(format_csv(one_run))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert len(rows) == sum(len(t.rows) * len(t.columns) for t in one_run.paper.tables)
    filled = [(row['table'], row['row'], row['column']) for row in rows if row['ours']]
    assert filled == [
        ('1', 'RATF + CSA', 'LQ DF'),
        ('4a', '+ RATF + CSA', 'LQ DF'),
        ('4b', 'r = 8', 'LQ DF'),
        ('4c', 'stage 1+2+3+4', 'LQ DF'),
    ]
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


def test_several_seeds_give_mean_and_spread_and_are_all_listed(tmp_path):
    for seed in range(3):
        predictions = make_predictions(test_keys(), seed=seed)
        make_run(tmp_path / f'run{seed}', predictions=predictions, seed=seed)
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


def test_two_configs_of_one_row_are_no_seeds_of_each_other(tmp_path):
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


def test_run_in_no_table_is_listed_with_its_figures_and_the_reason(tmp_path):
    folder = tmp_path / 'run'
    write_training(folder, 'ratf_r18_miniff', dataset='MiniFF')
    predictions = make_predictions(test_keys(dataset='MiniFF'))
    write_test(folder, 'ratf_r18_miniff', predictions)
    header, _, row = table_of(format_markdown(collect([folder])), 'Runs in no table')
    assert header[1:4] == ['real + fake', 'ACC', 'AUC']
    assert row[1] == '140 + 140'
    assert row[2].startswith(f'{accuracy_of(0):.4f} ')
    assert 'trained on MiniFF c40 (Deepfakes)' in row[4]


def test_footnotes_are_numbered_and_explained(tmp_path):
    make_run(tmp_path / 'run', num_videos=48)
    text = format_markdown(collect([tmp_path]))
    assert any(cell.endswith('n = 280 (1)') for cell in table_of(text, 'Table 1: ')[-1])
    assert '- (1) trained on 48 real videos' in text


class Page(HTMLParser):
    """Collects what a browser would load or run."""

    def __init__(self):
        super().__init__()
        self.tags, self.sources, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ('src', 'href')]

    def handle_data(self, data):
        self.text.append(data)


def parse(text):
    page = Page()
    page.feed(text)
    return page


def test_page_shows_each_run_and_loads_nothing(one_run):
    page = parse(format_html(one_run))
    assert len(page.sources) == page.tags.count('img') == 2
    assert all(source.startswith('data:image/png;base64,') for source in page.sources)
    assert not {'script', 'link', 'iframe', 'object'} & set(page.tags)
    text = ' '.join(page.text)
    for expected in ('Table 1', 'Table 3', 'Table 4c', 'n = 280', '0.9928'):
        assert expected in text
    assert one_run.found.scored[0].sha256 in text


def test_page_and_markdown_escape_what_others_named(tmp_path):
    folder = tmp_path / ANGRY.replace('/', '-')
    write_training(folder, 'ratf_r18_miniff', dataset=ANGRY)
    keys = [VideoKey(ANGRY, i % 2, ('real', ANGRY)[i % 2], 'c40', f'{i}{ANGRY}')
            for i in range(8)]  # fmt: skip
    predictions = [VideoPrediction(key, 0.1 * i) for i, key in enumerate(keys)]
    write_test(folder, 'ratf_r18_miniff', predictions)
    collection = collect([tmp_path])
    page = parse(format_html(collection))
    assert 'script' not in page.tags
    assert ANGRY in ' '.join(page.text)
    text = format_markdown(collection)
    assert '<script>' not in text.replace('\\<script\\>', '')
    (_, _, row) = table_of(text.replace('\\|', ''), 'Runs in no table')
    assert len(row) == 5


def test_files_are_written_and_a_refused_run_is_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(writing, 'format_html', lambda _: '<html>')
    folder, other, out = (tmp_path / name for name in ('run', 'other', 'out'))
    make_run(folder)
    make_run(other, predictions=make_predictions(test_keys())[1:])
    words = argparse.Namespace(work_dirs=[str(folder), str(other)], out=str(out))
    write_paper_tables(words)
    names = {'paper_tables.csv', 'paper_tables.html', 'paper_tables.md'}
    assert {path.name for path in out.iterdir()} == names
    printed = capsys.readouterr().out
    assert '4 cells filled' in printed
    assert f'{other}: 139 real and 140 fake videos' in printed


def test_missing_run_is_one_line_and_exit_code_2(tmp_path, capsys):
    out = tmp_path / 'out'
    words = argparse.Namespace(work_dirs=[str(tmp_path / 'nowhere')], out=str(out))
    assert command_line.run_tool(write_paper_tables, words) == 2
    printed = capsys.readouterr().err
    assert 'nowhere' in printed and printed.count('\n') == 1
    assert not out.exists()


DOCS = (ROOT / 'docs/paper_tables.md').read_text(encoding='utf-8')


def test_configs_and_tools_in_the_docs_exist():
    named = set(re.findall(r'(?:configs|tools)/[\w/]+\.(?:py|yml)', DOCS))
    assert len(named) > 10
    assert not [name for name in named if not (ROOT / name).is_file()]


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
