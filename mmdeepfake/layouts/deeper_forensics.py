"""The folders and split lists of DeeperForensics-1.0.

    <root>/manipulated_videos/<kind>/<target>_<actor>.mp4
    <root>/lists/splits/{train,val,test}.txt: file names of fakes, one a line
    <root>/source_videos/: the actors who lent their faces; not the real class
    <root>/target_videos/<target>.mp4, or
    <root>/original_sequences/youtube/c23/videos/<target>.mp4: the real class

The real class is not part of the download: its authors take the 1,000 videos of
FaceForensics++ at c23 that the faces were put into. Link or copy them to one of these
two places. A fake has its target's frames, so its boxes are the target's.

`end_to_end`, the set without perturbations, is listed unless others are asked for; the
kinds are ten perturbed or otherwise blended versions of the same 1,000 fakes.

Splits: the lists', which part the actors; a real video is in the split of its fake.
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
    logger,
    video_files,
    warn_of_counts,
)
from .source_video import SourceVideo

DEFAULT_METHODS = ('end_to_end',)
_NUM_VIDEOS = 1000  # of each kind, and of targets
_NAME = re.compile(r'(\d+)_([MW]\d+)')
_TARGET_FOLDERS = ('target_videos', 'original_sequences/youtube/c23/videos')

HOW_TO_GET = """\
To get DeeperForensics-1.0: fill in the form that
https://github.com/EndlessSora/DeeperForensics-1.0/tree/master/dataset names, unpack the
download, and point ROOT at the folder that holds manipulated_videos/ and lists/. The
real videos are those of FaceForensics++ at c23: link its original_sequences/ into ROOT,
or put the videos into ROOT/target_videos/."""


class DeeperForensicsLayout(Layout):
    """DeeperForensics-1.0; see this module."""

    dataset_name = 'DeeperForensics-1.0'
    how_to_get = HOW_TO_GET

    def find_missing(self, root: Path) -> str:
        """Return whether the fakes or the real videos are missing."""
        if not (root / 'manipulated_videos').is_dir():
            return 'no folder manipulated_videos'
        if _target_folder(root) is None:
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
        names_of = {split: _read_names(root, split) for split in SPLITS}
        split_of = _split_of_names(root, names_of)
        videos = _list_targets(_target_folder(root), split_of, selection)
        for method in methods:
            _warn_of_unlisted(base / method, set(split_of))
            for name, split in split_of.items():
                target, actor = _NAME.fullmatch(name).groups()
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


def _target_folder(root: Path) -> Path | None:
    return next((root / f for f in _TARGET_FOLDERS if (root / f).is_dir()), None)


def _read_names(root: Path, split: str) -> list[str]:
    path = root / 'lists/splits' / f'{split}.txt'
    if not path.is_file():
        raise DataNotFoundError(
            f'no split list {str(path.absolute())!r}.\n{HOW_TO_GET}'
        )
    lines = read_text_list(path).split()
    names = [line.removesuffix('.mp4') for line in lines]
    broken = [
        line for line, n in zip(lines, names, strict=True) if not _NAME.fullmatch(n)
    ]
    if broken or not names:
        raise DataError(
            f'{str(path)!r}: {len(broken)} lines are not of the form '
            f"<target>_<actor>.mp4, as in '000_M101.mp4': {shorten_list(broken)}. Copy "
            'the list again'
        )
    return names


def _split_of_names(root: Path, names_of: dict[str, list[str]]) -> dict[str, str]:
    split_of: dict[str, str] = {}
    for split, names in names_of.items():
        for name in names:
            if split_of.setdefault(name, split) != split:
                raise DataError(
                    f'split lists of {str(root)!r}: {name} is in {split_of[name]} and '
                    f'{split}; allowed is one of them'
                )
    return split_of


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


def _warn_of_unlisted(folder: Path, names: set[str]) -> None:
    unlisted = [path.name for path in video_files(folder) if path.stem not in names]
    if unlisted:
        logger.warning(
            '%s: %d videos are in no split list and are left out: %s',
            folder,
            len(unlisted),
            shorten_list(unlisted),
        )
