from builders import make_clip
from tool_runs import ROOT, run_tool_here

from mmdeepfake.structures import VideoKey, VideoRecord
from mmdeepfake.structures.manifest import ManifestWriter


def validate(*words):
    return run_tool_here(ROOT / 'tools/validate.py', *words)


def test_exit_code_is_1_with_errors(tmp_path, capsys):
    path = tmp_path / 'manifest.jsonl'
    with ManifestWriter(path) as manifest:
        for name in 'ab':
            key = VideoKey('A', 0, 'real', 'c40', name)
            manifest.append(VideoRecord(key, f'{name}.tar', 'train', num_frames=12))
            make_clip(tmp_path / f'{name}.tar')
    assert validate(path, '--every-frame') == 0
    assert '2 of 2 faces opened: no errors' in capsys.readouterr().out
    (tmp_path / 'b.tar').unlink()
    assert validate(path) == 1
    text = capsys.readouterr().out
    assert 'missing' in text and 'errors found: 1' in text
    assert validate(tmp_path / 'none.jsonl') == 2
    assert capsys.readouterr().err.startswith('error: no manifest ')
