"""export.py as a user calls it."""

import runpy
import sys

import pytest
from export_builders import RATF
from tool_runs import ROOT

OPTIONS = [f'{key}={value}' for key, value in RATF[1].items()]


def call(monkeypatch, *words):
    """Run the tool in this process; return its exit code."""
    monkeypatch.setattr(sys, 'argv', ['export.py', *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(ROOT / 'tools/export.py'), run_name='__main__')
    return caught.value.code


def test_tool_writes_a_file_and_reports_it(ratf, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'new/detector.torchscript'
    words = ('--format', 'torchscript', '--out', out, '--cfg-options', *OPTIONS)
    assert call(monkeypatch, *ratf, *words) == 0
    printed = capsys.readouterr().out
    assert printed.count(': passed') == 4
    assert f'Written: {out} and {out}.json' in printed
    assert len(list(out.parent.iterdir())) == 2


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('--out', 'a.pt2'), '--out a.pt2: files of --format onnx end in .onnx'),
        (('--out', 'a.onnx', '--operating-point', 'no.json'), 'no operating point'),
    ],
)
def test_wrong_use_ends_with_2_and_one_line(
    ratf, monkeypatch, capsys, tmp_path, words, message
):
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, *ratf, *words, '--cfg-options', *OPTIONS) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith('error: ')
    assert message in lines[-1]


def test_checkpoint_of_another_model_is_refused(ratf, monkeypatch, capsys, tmp_path):
    config = ROOT / 'configs/miniff/resnet_r18_miniff.py'
    assert call(monkeypatch, config, ratf[1], '--out', tmp_path / 'a.onnx') == 2
    assert "does not fit the config's model" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
