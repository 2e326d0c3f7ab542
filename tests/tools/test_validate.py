import importlib.util
import sys

import pytest
from builders import make_clip
from tool_runs import ROOT

from mmdeepfake.structures import VideoKey, VideoRecord
from mmdeepfake.structures.manifest import ManifestWriter


@pytest.fixture
def validate(monkeypatch):
    """The tool, called with the words of a command line; gives the exit code."""
    path = ROOT / 'tools/validate.py'
    spec = importlib.util.spec_from_file_location('validate', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def call(*words):
        monkeypatch.setattr(sys, 'argv', ['validate.py', *map(str, words)])
        return module.main()

    return call


def test_exit_code_tells_whether_anything_is_wrong(tmp_path, validate, capsys):
    path = tmp_path / 'manifest.jsonl'
    with ManifestWriter(path) as manifest:
        for name in 'ab':
            key = VideoKey('A', 0, 'real', 'c40', name)
            manifest.append(VideoRecord(key, f'{name}.tar', 'train', num_frames=12))
            make_clip(tmp_path / f'{name}.tar')
    assert validate(path, '--every-frame') == 0
    assert '2 of 2 faces opened: nothing is wrong' in capsys.readouterr().out
    (tmp_path / 'b.tar').unlink()
    assert validate(path) == 1
    text = capsys.readouterr().out
    assert 'missing' in text and 'faults found: 1' in text
    assert validate(tmp_path / 'none.jsonl') == 2
    assert capsys.readouterr().err.startswith('error: no manifest ')
