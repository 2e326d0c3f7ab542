"""The folders and split lists of DeeperForensics-1.0.

    <root>/manipulated_videos/<kind>/<target>_<actor>.mp4
    <root>/lists/splits/{train,val,test}.txt: file names of fakes, one per line
    <root>/source_videos/: the actors whose faces were used; not the real class
    <root>/target_videos/<target>.mp4, or
    <root>/original_sequences/youtube/c23/videos/<target>.mp4: the real class

The real class is not part of the download: its authors use the 1,000 videos of
FaceForensics++ at c23 into which the faces were swapped. Link or copy them to one of
these two places. A fake has its target's frames, so it can reuse its target's boxes.

By default `end_to_end`, the set without perturbations, is listed; the kinds are ten
perturbed or otherwise blended versions of the same 1,000 fakes.

Splits: the lists', which separate the actors; a real video is in the split of its fake.
They are not the splits of FaceForensics++: a model trained on that has seen most of
the real videos here, in all three splits.

Jiang et al., "DeeperForensics-1.0: A Large-Scale Dataset for Real-World Face Forgery
Detection", CVPR 2020, https://github.com/EndlessSora/DeeperForensics-1.0
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.bounded_reading import shorten_list
from mmdeepfake.structures import FAKE, REAL, REAL_METHOD
from mmdeepfake.structures.video_record import SPLITS

from .json_files import read_text_list
from .layout import (
    Layout,
    Selection,
    choose,
    folder_names,
    video_files,
    warn_of_counts,
    warn_of_unlisted,
)
from .source_video import SourceVideo

DEFAULT_METHODS = ('end_to_end',)
_NUM_VIDEOS = 1000  # of each kind, and of targets
_NAME = re.compile(r'\d+_[MW]\d+')
_TARGET_FOLDERS = ('target_videos', 'original_sequences/youtube/c23/videos')

HOW_TO_GET = """\
To get DeeperForensics-1.0: fill in the form at
https://github.com/EndlessSora/DeeperForensics-1.0/tree/master/dataset, unpack the
download, and set ROOT to the folder that holds manipulated_videos/ and lists/. The real
videos are those of FaceForensics++ at c23: link its original_sequences/ into ROOT, or
put the videos into ROOT/target_videos/."""


class DeeperForensicsLayout(Layout):
    """DeeperForensics-1.0; see this module."""

    dataset_name = 'DeeperForensics-1.0'
    how_to_get = HOW_TO_GET

    def find_missing(self, root: Path) -> str:
        """Return whether the fakes or the real videos are missing."""
        if not (root / 'manipulated_videos').is_dir():
            return 'no folder manipulated_videos'
        if not _target_folders(root):
            return f'no real videos ({" or ".join(_TARGET_FOLDERS)})'
        return ''

    def find_videos(self, root: Path, selection: Selection) -> list[SourceVideo]:
        """List the fakes of the split lists and the real videos they were made from."""
        base = root / 'manipulated_videos'
        methods = choose(
            'methods',
            selection.methods or DEFAULT_METHODS,
            folder_names(base),
            where=str(base),
        )
        split_of = _read_splits(root)
        videos = _list_targets(_target_folders(root)[0], split_of, selection)
        for method in methods:
            warn_of_unlisted(
                [f for f in video_files(base / method) if f.stem not in split_of],
                missing_in='the split lists',
            )
            for name, split in split_of.items():
                target, actor = name.split('_')
                videos.append(
                    SourceVideo(
                        selection.key(FAKE, method, name),
                        base / method / f'{name}.mp4',
                        split,
                        identities=(target, actor),
                        sources=(target,),
                        partner=selection.key(REAL, REAL_METHOD, target),
                    )
                )
        counts = Counter(f'videos of {video.key.method}' for video in videos)
        official = {f'videos of {m}': _NUM_VIDEOS for m in (REAL_METHOD, *methods)}
        warn_of_counts(selection.dataset_name, counts, official)
        return videos


def _target_folders(root: Path) -> list[Path]:
    return [root / name for name in _TARGET_FOLDERS if (root / name).is_dir()]


def _read_splits(root: Path) -> dict[str, str]:
    split_of: dict[str, str] = {}
    for split in SPLITS:
        for name in _read_names(root / 'lists/splits' / f'{split}.txt'):
            if split_of.setdefault(name, split) != split:
                raise DataError(
                    f'split lists of {str(root)!r}: {name} is in {split_of[name]} and '
                    f'{split}; only one is allowed'
                )
    return split_of


def _read_names(path: Path) -> list[str]:
    if not path.is_file():
        raise DataNotFoundError(
            f'no split list {str(path.absolute())!r}.\n{HOW_TO_GET}'
        )
    lines = read_text_list(path).split()
    invalid = [line for line in lines if not _NAME.fullmatch(line.removesuffix('.mp4'))]
    if invalid or not lines:
        raise DataError(
            f'{str(path)!r}: {len(invalid)} lines are not of the form '
            f"<target>_<actor>.mp4, e.g. '000_M101.mp4': {shorten_list(invalid)}. Copy "
            'the list again'
        )
    return [line.removesuffix('.mp4') for line in lines]


def _list_targets(
    folder: Path, split_of: dict[str, str], selection: Selection
) -> list[SourceVideo]:
    split_of_target: dict[str, str] = {}
    for name, split in split_of.items():
        target = name.split('_')[0]
        if split_of_target.setdefault(target, split) != split:
            raise DataError(
                f'split lists: fakes of the target {target} are in '
                f'{split_of_target[target]} and {split}, so its real video fits neither'
            )
    return [
        SourceVideo(
            selection.key(REAL, REAL_METHOD, target),
            folder / f'{target}.mp4',
            split,
            identities=(target,),
            sources=(target,),
        )
        for target, split in split_of_target.items()
    ]
