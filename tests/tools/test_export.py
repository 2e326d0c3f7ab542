"""export.py as a user calls it."""

import pytest
from export_builders import RATF, make_checkpoint
from tool_runs import ROOT, run_tool_here

TOOL = ROOT / 'tools/export.py'
OPTIONS = [f'{key}={value}' for key, value in RATF[1].items()]


@pytest.fixture(scope='module')
def ratf(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp('export_tool'), *RATF)


def test_tool_writes_and_reports_a_file(ratf, tmp_path, capsys):
    out = tmp_path / 'new/detector.torchscript'
    words = ('--format', 'torchscript', '--out', out, '--cfg-options', *OPTIONS)
    assert run_tool_here(TOOL, *ratf, *words) == 0
    printed = capsys.readouterr().out
    assert 'any number' in printed
    assert printed.count(': passed') == 4
    assert f'{out} and {out}.json' in printed
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
def test_wrong_arguments_end_in_one_line(
    ratf, monkeypatch, capsys, tmp_path, words, message
):
    monkeypatch.chdir(tmp_path)
    assert run_tool_here(TOOL, *ratf, *words, '--cfg-options', *OPTIONS) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith('error: ')
    assert message in lines[-1]


def test_checkpoint_of_another_model_is_refused(ratf, capsys, tmp_path):
    config = ROOT / 'configs/miniff/resnet_r18_miniff.py'
    assert run_tool_here(TOOL, config, ratf[1], '--out', tmp_path / 'a.onnx') == 2
    assert 'is not of the model of the config' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
