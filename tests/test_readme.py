"""The code and commands in the README work as printed."""

import re

from builders import make_video
from tool_runs import ROOT, run_tool_here, shrink_loader, shrink_ratf

README = (ROOT / 'README.md').read_text(encoding='utf-8')


def leaf_for_own_videos():
    blocks = re.findall(r'```python\n(.*?)```', README, flags=re.DOTALL)
    (leaf,) = [block for block in blocks if 'VideoFolder' in block]
    return leaf


def test_the_leaf_for_own_videos_has_ten_lines_at_most():
    assert len(leaf_for_own_videos().strip().splitlines()) <= 10


def test_the_leaf_for_own_videos_trains(tmp_path, monkeypatch):
    for split in ('train', 'val', 'test'):
        for name in ('real/a', 'real/b', 'fake/c', 'fake/d'):
            video = tmp_path / f'data/my_faces/{split}/{name}.mp4'
            make_video(video, num_frames=36)
    leaf = leaf_for_own_videos()
    base = re.search(r"_base_ = '(.*)'", leaf)[1]
    (tmp_path / 'mine.py').write_text(leaf.replace(base, str(ROOT / 'configs' / base)))
    monkeypatch.chdir(tmp_path)
    code = run_tool_here(
        ROOT / 'tools/train.py',
        *('mine.py', '--work-dir', 'work', '--cfg-options'),
        *shrink_ratf(512),
        'train_cfg.max_epochs=1',
        *shrink_loader('train_dataloader', num_videos=4),
        *shrink_loader('val_dataloader', num_videos=4),
    )
    assert code == 0
    assert list((tmp_path / 'work').glob('best_deepfake_auc_epoch_1.pth'))


def test_the_commands_it_names_exist():
    named = set(re.findall(r'(?:tools|configs)/[\w/]+\.(?:py|sh)', README))
    for path in named - {'configs/mine.py'}:  # the reader writes that one
        assert (ROOT / path).is_file(), path
    makefile = (ROOT / 'Makefile').read_text()
    for target in set(re.findall(r'`make ([\w-]+)', README)):
        assert re.search(rf'^{target}:', makefile, flags=re.MULTILINE), target
