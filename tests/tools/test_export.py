"""export.py as a user calls it."""

import runpy
import sys

import pytest
from export_builders import RATF, make_checkpoint
from tool_runs import ROOT

OPTIONS = [f'{key}={value}' for key, value in RATF[1].items()]


@pytest.fixture(scope='module')
def ratf(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp('export_tool'), *RATF)


def call(monkeypatch, *words):
    """Run the tool in this process; give its exit code."""
    monkeypatch.setattr(sys, 'argv', ['export.py', *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(ROOT / 'tools/export.py'), run_name='__main__')
    return caught.value.code


def test_tool_writes_a_file_and_tells_of_it(ratf, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'new/detector.torchscript'
    words = ('--format', 'torchscript', '--out', out, '--cfg-options', *OPTIONS)
    assert call(monkeypatch, *ratf, *words) == 0
    told = capsys.readouterr().out
    assert 'any number' in told
    assert told.count(': passed') == 4
    assert f'Written: {out} and {out}.json' in told
    assert {path.name for path in out.parent.iterdir()} == {
        out.name,
        f'{out.name}.json',
    }


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('--out', 'a.pt2'), '--out a.pt2: files of --format onnx end in .onnx'),
        (('--out', 'a.onnx', '--operating-point', 'no.json'), 'no operating point'),
    ],
)
def test_slips_are_told_in_one_line(
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
    assert 'is not of the model of the config' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
