"""The folders of DeepFakeDetection, which is released with FaceForensics++.

    <root>/original_sequences/actors/<level>/videos/<actor>__<scene>.mp4
    <root>/manipulated_sequences/DeepFakeDetection/<level>/videos/
        <target>_<source>__<scene>__<8 characters>.mp4

It has no official split; all of it is a test set here.

Dufour and Gully, "Contributing Data to Deepfake Detection Research", 2019,
https://github.com/ondyari/FaceForensics
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from mmdeepfake.structures import FAKE, LABEL_NAMES, REAL, REAL_METHOD

from .faceforensics import (
    DFD_METHOD,
    FaceForensicsLayout,
    choose_levels,
    find_fake_folders,
    find_mask,
    find_real_folder,
)
from .layout import Selection, match_name, video_files, warn_of_counts
from .source_video import SourceVideo

_REAL_NAME = re.compile(r'(\d+)__(.+)')
_FAKE_NAME = re.compile(r'(\d+)_(\d+)__(.+)__(\w{8})')
_COUNTS = {'real': 363, 'fake': 3068}


class DeepFakeDetectionLayout(FaceForensicsLayout):
    """DeepFakeDetection, all of it a test set; see this module."""

    dataset_name = 'DeepFakeDetection'
    methods: ClassVar[tuple[str, ...]] = (DFD_METHOD,)

    def find_videos(self, root: Path, selection: Selection) -> Iterator[SourceVideo]:
        """List all videos of the wanted levels."""
        base = root / 'original_sequences/actors'
        for level in choose_levels(base, selection.compressions):
            yield from _list_level(root, level, selection)


def _list_level(root: Path, level: str, selection: Selection) -> list[SourceVideo]:
    videos = []
    for path in video_files(find_real_folder(root, level, part='actors')):
        match = match_name(
            _REAL_NAME, path, form='<actor>__<scene>', dataset='DeepFakeDetection'
        )
        videos.append(
            SourceVideo(
                selection.key(REAL, REAL_METHOD, path.stem, level),
                path,
                'test',
                identities=(f'actor {match[1]}',),
                sources=(path.stem,),
            )
        )
    for path in video_files(find_fake_folders(root, [DFD_METHOD], level)[DFD_METHOD]):
        match = match_name(
            _FAKE_NAME,
            path,
            form='<target>_<source>__<scene>__<id>',
            dataset='DeepFakeDetection',
        )
        target = f'{match[1]}__{match[3]}'
        videos.append(
            SourceVideo(
                selection.key(FAKE, DFD_METHOD, path.stem, level),
                path,
                'test',
                identities=(f'actor {match[1]}', f'actor {match[2]}'),
                sources=(target,),
                partner=selection.key(REAL, REAL_METHOD, target, level),
                mask=find_mask(root, DFD_METHOD, path.name),
            )
        )
    counts = Counter(LABEL_NAMES[video.key.label] for video in videos)
    warn_of_counts(f'DeepFakeDetection {level}', counts, _COUNTS)
    return videos
