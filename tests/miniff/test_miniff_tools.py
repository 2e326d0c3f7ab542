import importlib.util
import sys
from pathlib import Path

import cv2
import pytest

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
SMALL = (
    '--identities 2 2 2 --num-frames 2 --size-px 32 --methods FaceSwap '
    '--compressions c40 --workers 1'
)


def run_tool(name, arguments, monkeypatch):
    """The exit status of a tool called with arguments, in this process."""
    spec = importlib.util.spec_from_file_location(name, TOOLS / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
    return module.main()


def test_tool_renders_once(tmp_path, monkeypatch, capsys):
    arguments = ['--out', tmp_path / 'set', *SMALL.split()]
    assert run_tool('render_miniff', arguments, monkeypatch) == 0
    assert '12 videos rendered, 0 kept' in capsys.readouterr().out
    assert run_tool('render_miniff', [*arguments, '--quiet'], monkeypatch) == 0
    assert '0 videos rendered, 12 kept' in capsys.readouterr().out


def test_tool_prints_a_users_error_without_traceback(tmp_path, monkeypatch, capsys):
    arguments = ['--out', tmp_path, '--identities', 3, 2, 2]
    assert run_tool('render_miniff', arguments, monkeypatch) == 2
    assert capsys.readouterr().err.startswith('error: num_identities = (3, 2, 2)')


def test_sheet_and_evidence_are_made_of_a_set(tiny_root, tmp_path, monkeypatch, capsys):
    image = tmp_path / 'images/sheet.png'
    sheet = ['sheet', tiny_root, '--out', image, '--num-frames', 3]
    assert run_tool('inspect_miniff', sheet, monkeypatch) == 0
    assert cv2.imread(str(image)) is not None
    assert run_tool('inspect_miniff', ['evidence', tiny_root], monkeypatch) == 0
    printed = capsys.readouterr().out
    assert 'test split' in printed and 'FaceSwap' in printed and 'c40' in printed


@pytest.mark.parametrize('arguments', [['sheet', '--out', 'x.png'], ['evidence']])
def test_missing_set_is_named(tmp_path, monkeypatch, capsys, arguments):
    look, *rest = arguments
    status = run_tool('inspect_miniff', [look, tmp_path, *rest], monkeypatch)
    assert status == 2
    assert f'error: no miniff.json in {tmp_path}' in capsys.readouterr().err
