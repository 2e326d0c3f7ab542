"""Names of files that were made to do harm where they are shown: they stay names."""

import contextlib
import csv
import html.parser
import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from builders import make_video
from inference_builders import save_tool_model
from tool_runs import ROOT, run_tool_here

from mmdeepfake.commands.command_line import run_tool
from mmdeepfake.errors import DataError
from mmdeepfake.files.printable_text import (
    guard_cells,
    show_name,
    show_text,
    unguard_cell,
)
from mmdeepfake.inference.result_writers import (
    VIDEO_COLUMNS,
    format_table,
    video_row,
    write_video_results,
)
from mmdeepfake.inference.results import VideoResult
from mmdeepfake.prepare.execution import VideoOutcome
from mmdeepfake.prepare.output_folder import safe_name
from mmdeepfake.prepare.progress import ProgressReport
from mmdeepfake.structures import VideoKey
from mmdeepfake.visualization.html_page import PageTable, render_page

NAMES = [
    '"><img src=x onerror=alert(1)>.mp4',
    "'><svg onload=alert(1)>.mp4",
    'javascript:alert(1).mp4',
    '<script>alert(1)<script>.mp4',
    '&lt;b&gt;&#60;i&#62;.mp4',
    '{{7*7}}${7*7}`id`$(id);id.mp4',
    'line\nerror: forged line.mp4',
    'back\r\x1b[2K\x1b[1A\x1b]0;title\x07.mp4',
    '\x9b31mred.mp4',
    'invoice\u202e4pm.exe.mp4',
    '\u2066isolated\u2069.mp4',
    'nul is no name\x01\x7f.mp4',
    os.fsdecode(b'caf\xe9.mp4'),
    '=HYPERLINK("http:x","click").mp4',
    '+1+cmd|.mp4',
    '-2+3.mp4',
    '@SUM(1).mp4',
    '\t=1.mp4',
    "'=1.mp4",
    '%0d%0aSet-Cookie: a.mp4',
    '--help.mp4',
    '$\\frac{1}{0}$.mp4',
]
# Texts that no file can be called, but a folder with a file in it.
TEXTS = ['</title><script>alert(1)</script>', '</style><script>x</script>', '--><b>']
FORGED = ('\x1b', '\x9b', '\u202e', '\u2066', '\x07', '\r', '\x7f')


class Page(html.parser.HTMLParser):
    """What a browser makes of a page: its tags, attributes and texts."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.texts = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attributes]

    def handle_data(self, data):
        self.texts.append(data)


def check_page(text, name, plain):
    """The page has the tags of one with a plain name, and the name as text alone."""
    page, expected = Page(text), Page(plain)
    assert page.tags == expected.tags
    shape = [(tag, attribute) for tag, attribute, _ in page.attributes]
    assert shape == [(tag, attribute) for tag, attribute, _ in expected.attributes]
    assert any(show_text(name) in data for data in page.texts)
    assert not any(sign in text for sign in FORGED)
    policies = [value for tag, name, value in page.attributes if name == 'content']
    assert policies[0].startswith("default-src 'none'; ")


def make_video_page(name):
    table = PageTable(name, (name,), [(name,)], [name])
    face = {
        'name': name, 'doubts': [name], 'facts': [(name, name)],
        'images': [(name, b'png')],
    }  # fmt: skip
    return render_page(
        'video_page.html',
        title=name, verdict='fake', colour='#666', sentence=name, notes=[name],
        timeline=b'x', faces=[face], tables=[table], facts=[(name, name)],
    )  # fmt: skip


@pytest.mark.parametrize('name', [*NAMES, *TEXTS])
def test_page_shows_the_name_as_text(name):
    # As long as the other, since long cells get a class.
    plain = make_video_page('x' * len(show_text(name)))
    check_page(make_video_page(name), name, plain)


def failed_result(name):
    return VideoResult(
        Path(name), 'failed', 'none', 0.5, 0.5, False, fault=f'{name!r} is torn'
    )


@pytest.mark.parametrize('name', NAMES)
def test_files_of_a_result_hold_the_name_harmlessly(tmp_path, name):
    result = failed_result(name)
    files = write_video_results(result, tmp_path / 'r', {'checkpoint': name})
    page = files['report.html'].read_text(encoding='utf-8')
    assert not {'script', 'svg', 'img'} & set(Page(page).tags)
    told = json.loads(files['result.json'].read_text(encoding='utf-8'))
    exact = os.fsencode(name).decode('utf-8', 'replace')
    assert told['video'] == exact
    text = format_table(VIDEO_COLUMNS, [video_row(result, name, safe_name(name))])
    (row,) = csv.DictReader(io.StringIO(text, newline=''))
    assert unguard_cell(row['video']) == exact
    for cell in row.values():
        assert cell[:1] not in ('=', '+', '-', '@', '\t', '\r', '\n')


@pytest.mark.parametrize(
    'text',
    ['', 'a', "'", "'a", '=1', "'=1", "''=1", '-', '-a', "'-", '\t', '\uff1d1', "'''@"],
)
def test_guarded_cell_gives_its_text_back(text):
    (guarded,) = guard_cells([text])
    assert unguard_cell(guarded) == text
    assert not guarded.startswith(('=', '+', '-', '@', '\t', '\uff1d'))
    assert guard_cells([-1.5, 3, None, True]) == [-1.5, 3, None, True]


@pytest.mark.parametrize('name', NAMES)
def test_terminal_gets_no_command_out_of_a_name(name, capfd, caplog):
    def fail(args):
        raise DataError(f'{name} is torn')

    assert run_tool(fail, SimpleNamespace(traceback=False)) == 2
    key = VideoKey('set', 1, 'FaceSwap', 'c40', name)
    with caplog.at_level(logging.WARNING, 'mmdeepfake.prepare'):
        report = ProgressReport(1, shown=False, on_terminal=False)
        report.add(VideoOutcome(key, 'failed', f'{name} is torn'))
        logging.getLogger('mmdeepfake.prepare').warning('%s: left out', name)
    told = capfd.readouterr().err + caplog.text + str(key)
    assert not any(sign in told for sign in FORGED)
    assert show_name(name) in str(key) and '\n' not in str(key)
    told.encode()  # no half characters


def test_infer_on_a_folder_of_such_names(tmp_path, monkeypatch, capfd):
    model = save_tool_model(tmp_path / 'model')
    for number, name in enumerate(NAMES):
        (tmp_path / 'in').mkdir(exist_ok=True)
        (tmp_path / 'in' / name).write_text(f'{number} is no video')
    make_video(tmp_path / 'in/<b>good</b>.mp4', num_frames=12)
    monkeypatch.chdir(tmp_path)
    words = ['in', '--checkpoint', model, '--out', 'out']
    code = run_tool_here(ROOT / 'tools/infer.py', *words, '--no-video')
    told = ''.join(capfd.readouterr())
    assert code == 1 and not any(sign in told for sign in FORGED), told
    with open('out/videos.csv', newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(NAMES) + 1
    for row in rows:
        if '\ufffd' in row['folder']:  # bytes that no CSV in UTF-8 can hold
            continue
        folder = tmp_path / 'out' / unguard_cell(row['folder'])
        assert folder.parent == tmp_path / 'out' and (folder / 'result.json').is_file()
        page = (folder / 'report.html').read_text(encoding='utf-8')
        assert not {'script', 'svg', 'b i', 'i'} & set(Page(page).tags)


def test_name_cannot_leave_the_folder_of_results():
    for name in ['..', '../../x', '/etc/passwd', 'a/../../b', '.', '', 'a\0b']:
        safe = safe_name(name)
        assert '/' not in safe and '\0' not in safe and safe not in ('.', '..')


@pytest.mark.faults
@pytest.mark.parametrize('name', NAMES)
def test_prepare_bears_each_name(tmp_path, name):
    """A process of its own for each: `tools/prepare.py folder` on one such file."""
    for kind in ('real', 'fake'):
        make_video(tmp_path / f'in/test/{kind}/good.mp4', num_frames=12)
    with contextlib.suppress(OSError):
        (tmp_path / 'in/test/fake' / name).write_text('no video')
    done = subprocess.run(
        [sys.executable, ROOT / 'tools/prepare.py', 'folder', 'in', '--out', 'out',
         '--detector', 'centerface'],
        cwd=tmp_path, capture_output=True, env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )  # fmt: skip
    told = (done.stdout + done.stderr).decode('utf-8', 'replace')
    assert done.returncode in (1, 2) and 'Traceback' not in told, told
    assert not any(sign in told for sign in FORGED)
