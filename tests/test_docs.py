"""The pages: their commands, their links, the site, and what they claim of the code."""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from doc_commands import PAGES, Command, complain, read_commands, read_inline_commands
from tool_runs import ROOT

from mmdeepfake.engine.build import load_config
from mmdeepfake.engine.config_checks import check_config
from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

COMMANDS = [command for page in PAGES for command in read_commands(page)]
INLINE = [command for page in PAGES for command in read_inline_commands(page)]

# Commands that need nothing and are too long for here -> the test that runs them, or
# their parts, on something small.
RUN_ELSEWHERE = {
    'make test': 'tests/test_docs.py::test_newcomers_commands_do_what_they_say',
    'make demo': 'tests/test_docs.py::test_newcomers_commands_do_what_they_say',
    'make docs': 'tests/test_docs.py::test_site_builds_without_a_broken_link',
    'python tools/render_miniff.py': 'tests/miniff/test_miniff_tools.py',
    'python tools/inspect_miniff.py': 'tests/miniff/test_miniff_tools.py',
    'python tools/train.py configs/miniff/': 'tests/tools/test_train_and_test.py',
    'python tools/test.py configs/miniff/': 'tests/tools/test_train_and_test.py',
    'python tools/benchmark.py configs/miniff/': 'tests/tools/test_benchmark.py',
    'python tools/prepare.py ffpp data/miniff': 'tests/tools/test_prepare.py',
    'python tools/report.py work_dirs/': 'tests/commands/test_report.py',
    'python tools/calibrate.py configs/miniff/': 'tests/tools/test_evaluation_tools.py',
    'python tools/infer.py data/miniff/': 'tests/tools/test_infer.py',
    'python tools/complexity.py': 'tests/commands/test_complexity.py',
    'python tools/speed.py': 'tests/tools/test_speed.py',
    'python tools/speed_data.py': 'tests/tools/test_speed.py',
    'python tools/speed_preparation.py': 'tests/commands/speed/test_preparation.py',
}
RUN_HERE = {'python tools/check_env.py', 'python tools/prepare.py SET --how-to-get'}


def test_there_are_commands_to_check():
    assert len(COMMANDS) > 60
    assert {str(command).partition(':')[0] for command in COMMANDS} >= {
        'README.md', 'docs/install.md', 'docs/datasets.md', 'configs/miniff/README.md',
    }  # fmt: skip


def test_every_command_can_be_typed():
    complaints = {str(c): complain(c) for c in (*COMMANDS, *INLINE)}
    assert not {command: text for command, text in complaints.items() if text}


def test_every_command_is_run_by_a_test_or_says_what_it_needs():
    for command in COMMANDS:
        if command.needs or command.text in RUN_HERE:
            continue
        starts = [start for start in RUN_ELSEWHERE if command.text.startswith(start)]
        assert starts, command
        path, _, name = RUN_ELSEWHERE[starts[0]].partition('::')
        source = (ROOT / path).read_text(encoding='utf-8')
        expected = f'def {name}(' if name else Path(command.words[1]).stem
        assert expected in source, f'{path} does not run {command}'


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        ('python tools/train.py configs/none.py', 'not there: configs/none.py'),
        ('python tools/train.py CONFIG --epochs 3', 'unrecognized arguments: --epochs'),
        ('python tools/prepare.py', 'the following arguments are required'),
        ('python tools/prepare.py moon ROOT --out OUT', "invalid choice: 'moon'"),
        ('python tools/robustness.py go CONFIG CHECKPOINT', "invalid choice: 'go'"),
        ('make tea', 'the Makefile has no tea'),
        ('make demo INDEX=URL', 'the Makefile has no INDEX'),
        ("pip install '.[fast]'", 'setup.py has no extra fast'),
        ('tools/none.sh A', 'not there: tools/none.sh'),
        ('python tools/report.py WORK_DIR', ''),
        ('python tools/compare.py A.csv B.csv ... [--seed 0]', ''),
    ],
)
def test_wrong_commands_would_be_found(text, complaint):
    found = complain(Command('page.md', 1, text, needs=False))
    assert complaint in found
    assert bool(found) == bool(complaint)


def test_commands_are_read_out_of_pages(tmp_path, monkeypatch):
    page = tmp_path / 'page.md'
    page.write_text(
        '# Page\n\nText `make no`.\n\n    make a   # why\n    make b \\\n        c\n\n'
        '## Part\n\n    make d\n\n*Needs: data,\nmuch of it.*\n\nText.\n\n'
        '    make e\n\n## More\n\n```python\nmake = f\n```\n\n```sh\nmake g\n```\n'
    )
    monkeypatch.setattr('doc_commands.ROOT', tmp_path)
    found = [(c.text, c.line, c.needs) for c in read_commands(page)]
    assert found == [
        ('make a', 5, False),
        ('make b c', 6, False),
        ('make d', 11, False),
        ('make e', 18, True),
        ('make g', 27, False),
    ]


def test_need_at_the_head_of_a_page_is_for_all_of_it(tmp_path, monkeypatch):
    page = tmp_path / 'page.md'
    page.write_text('# Page\n\n*Needs: data.*\n\n    make a\n\n## Part\n\n    make b\n')
    monkeypatch.setattr('doc_commands.ROOT', tmp_path)
    assert [command.needs for command in read_commands(page)] == [True, True]


@pytest.fixture
def dry_run(tmp_path):
    """What make would run in a checkout of its own, where nothing was run before."""
    for name in ('Makefile', 'setup.py', 'constraints.txt'):
        shutil.copy(ROOT / name, tmp_path)

    def run(*words):
        done = subprocess.run(
            ['make', '--dry-run', *words, 'VENV=none'],
            # An outer `make test WORKERS=2` hands its variables down to this one.
            cwd=tmp_path, env={'PATH': os.environ['PATH']},
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        lines = done.stdout.replace('\\\n', ' ').splitlines()
        return [line.replace('none/bin/', '').strip() for line in lines]

    return run


def test_newcomers_commands_do_what_they_say(dry_run):
    """What `make demo` and `make test` would run can be typed, and ends in a report."""
    steps = dry_run('demo', 'test', 'docs')
    tools = [step for step in steps if step.startswith('python tools/')]
    assert [tool.split()[1] for tool in tools] == [
        'tools/render_miniff.py', 'tools/train.py', 'tools/test.py', 'tools/report.py',
    ]  # fmt: skip
    for tool in tools:
        assert not complain(Command('Makefile', 0, tool, needs=False))
    assert 'python -m pytest -n auto --dist worksteal' in steps
    assert any('python -m mkdocs build' in step for step in steps)


def test_a_demo_that_has_run_is_not_run_again(tmp_path, dry_run):
    work = 'work_dirs/ratf_r18_miniff'
    for folder in ('none', 'data/miniff', work):
        (tmp_path / folder).mkdir(parents=True)
    for name in (
        'none/.ready', 'data/miniff/.rendered', f'{work}/.trained',
        f'{work}/metrics.json',
    ):  # fmt: skip
        (tmp_path / name).touch()
    assert [step.split()[1] for step in dry_run('demo')] == ['tools/report.py']
    assert dry_run('test') == ['python -m pytest -n auto --dist worksteal']


@pytest.mark.parametrize('text', sorted(RUN_HERE))
def test_short_commands_run(text, monkeypatch, capsys):
    assert text in {command.text for command in COMMANDS}
    words = text.replace('SET', 'ffpp').split()[1:]
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, 'argv', words)
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(ROOT / words[0]), run_name='__main__')
    assert not caught.value.code
    assert len(capsys.readouterr().out.splitlines()) >= 3


def load_hook():
    path = ROOT / 'docs/_site/repository_pages.py'
    spec = importlib.util.spec_from_file_location('repository_pages', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOOK = load_hook()


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_names_that_are_there(page):
    origin = str(page.relative_to(ROOT))
    text = page.read_text(encoding='utf-8')
    for match in HOOK.LINK.finditer(text):
        path = HOOK.resolve(origin, match['path'])
        assert not path or (ROOT / path).exists(), match[0]
    for path, anchors in HOOK.linked_files(origin, text).items():
        if path.endswith('.py'):
            source = (ROOT / path).read_text(encoding='utf-8')
            for name in anchors - {''}:
                assert HOOK.find_symbol(source, name), f'{path} has no {name}'


def test_symbols_are_found_at_their_line():
    text = '"""Doc."""\nA = 1\nB: int = 2\n\n\nclass C:\n    """Doc."""\n\n'
    text += (
        '    @property\n    def d(self):\n        return 1\n\n\ndef e():\n    pass\n'
    )
    found = {name: HOOK.find_symbol(text, name) for name in ('A', 'B', 'C', 'C.d', 'e')}
    lines = text.splitlines()
    assert lines[found['A'] - 1] == 'A = 1'
    assert lines[found['B'] - 1] == 'B: int = 2'
    assert lines[found['C'] - 1] == 'class C:'
    assert lines[found['C.d'] - 1].strip() == 'def d(self):'
    assert lines[found['e'] - 1] == 'def e():'
    for name in ('d', 'C.e', 'e.d', 'F'):
        assert HOOK.find_symbol(text, name) is None


def test_every_equation_has_its_row():
    text = (ROOT / 'docs/equations.md').read_text(encoding='utf-8')
    for number in range(1, 7):
        rows = [r for r in text.splitlines() if r.startswith(f'| Eq. ({number}) |')]
        assert rows
        assert all('.py#' in row for row in rows)


def test_every_extra_is_reported():
    text = (ROOT / 'docs/install.md').read_text(encoding='utf-8')
    setup = (ROOT / 'setup.py').read_text(encoding='utf-8')
    block = setup[setup.index('extras_require') : setup.index('classifiers')]
    extras = re.findall(r"^        '(\w+)':", block, flags=re.MULTILINE)
    assert len(extras) >= 9
    assert not [extra for extra in extras if f'`{extra}`' not in text]


def test_part_outside_of_the_package_works_as_the_page_says(tmp_path, monkeypatch):
    text = (ROOT / 'docs/extending.md').read_text(encoding='utf-8')
    parts, config = re.findall('```python\n(.*?)```', text, re.DOTALL)[:2]
    (tmp_path / 'my_parts.py').write_text(parts)
    (tmp_path / 'my_config.py').write_text(config)
    monkeypatch.syspath_prepend(tmp_path)
    cfg = load_config(tmp_path / 'my_config.py')
    check_config(cfg)
    model = MODELS.build(cfg.model)
    frames = torch.rand(1, 8, 3, 64, 64)
    (logits,) = model(frames, stage='head', mode='tensor')
    assert logits.shape[-1] == 2


@pytest.mark.parametrize('name', ['ratf_r50_own_faces.py', 'miniff/none.py'])
def test_config_inherits_from_the_package_or_names_what_is_missing(tmp_path, name):
    path = tmp_path / 'mine.py'
    path.write_text(f"_base_ = 'mmdeepfake::{name}'")
    if 'none' in name:
        with pytest.raises(ConfigError, match=f'no config {name!r}'):
            load_config(path)
    else:
        assert load_config(path).model == load_config(ROOT / 'configs' / name).model


def test_every_page_is_in_the_navigation_and_in_the_index():
    navigation = (ROOT / 'mkdocs.yml').read_text(encoding='utf-8')
    index = (ROOT / 'docs/index.md').read_text(encoding='utf-8')
    for page in (ROOT / 'docs').glob('*.md'):
        assert f': {page.name}\n' in navigation, page.name
        assert page.name == 'index.md' or f']({page.name})' in index, page.name


def test_readme_links_to_the_pages():
    text = (ROOT / 'README.md').read_text(encoding='utf-8')
    named = set(re.findall(r'\]\(docs/(\w+\.md)', text))
    pages = {page.name for page in (ROOT / 'docs').glob('*.md')}
    assert named <= pages
    assert 'index.md' in named


def check_that_nothing_is_fetched(site):
    for page in site.glob('*.html'):
        fetched = re.findall(
            r'<(?:script|img|iframe)[^>]+src="(https?:[^"]+)"|'
            r'<link[^>]+rel="stylesheet"[^>]+href="(https?:[^"]+)"',
            page.read_text(encoding='utf-8'),
        )
        assert not fetched, page.name


def check_lines_of_equations(site):
    html = (site / 'equations.html').read_text(encoding='utf-8')
    links = re.findall(
        r'href="(source/[^"#]+\.html)#L-(\d+)"[^>]*><code>([\w.]+)', html
    )
    assert len(links) >= 12
    for page, line, name in links:
        path = ROOT / page.removeprefix('source/').removesuffix('.html')
        source = path.read_text(encoding='utf-8').splitlines()
        last = name.rpartition('.')[2]
        assert re.search(rf'\b(?:def|class) {last}\b', source[int(line) - 1]), name
        assert f'id="L-{line}"' in (site / page).read_text(encoding='utf-8')


def test_site_builds_without_a_broken_link(tmp_path):
    if importlib.util.find_spec('material') is None:
        pytest.skip("no MkDocs here: pip install '.[docs]'")
    done = subprocess.run(
        [sys.executable, '-m', 'mkdocs', 'build', '--quiet', '--site-dir', tmp_path],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    names = [page.stem for page in (ROOT / 'docs').glob('*.md')]
    for name in (*names, 'overview', 'baselines', 'miniff'):
        assert (tmp_path / f'{name}.html').is_file()
    assert not (tmp_path / '_site').exists()
    check_that_nothing_is_fetched(tmp_path)
    check_lines_of_equations(tmp_path)


def test_link_to_nothing_stops_the_build(tmp_path):
    if importlib.util.find_spec('material') is None:
        pytest.skip("no MkDocs here: pip install '.[docs]'")
    for name in ('mkdocs.yml', 'README.md'):
        shutil.copy(ROOT / name, tmp_path / name)
    for readme in HOOK.READMES.values():
        (tmp_path / readme).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / readme).write_text('# Page\n')
    shutil.copytree(ROOT / 'docs/_site', tmp_path / 'docs/_site')
    (tmp_path / 'docs/index.md').write_text('[gone](../tools/gone.py)\n')
    settings = (tmp_path / 'mkdocs.yml').read_text()
    head = settings[: settings.index('nav:\n  - Home')]
    (tmp_path / 'mkdocs.yml').write_text(head)
    done = subprocess.run(
        [sys.executable, '-m', 'mkdocs', 'build', '--site-dir', tmp_path / 'out'],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode != 0
    assert 'docs/index.md links to tools/gone.py, which is not there' in done.stderr
