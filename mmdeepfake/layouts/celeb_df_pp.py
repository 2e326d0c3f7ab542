"""The folders and the test list of Celeb-DF++, also called Celeb-DF version 3.

    <root>/Celeb-real/id<A>_<clip>.mp4                        real, as in Celeb-DF
    <root>/YouTube-real/<number>.mp4                          real
    <root>/Celeb-synthesis/FaceSwap/<method>/<name>.mp4       fake, 8 methods
    <root>/Celeb-synthesis/FaceReenact/<method>/<name>.mp4    fake, 7 methods
    <root>/Celeb-synthesis/TalkingFace/<method>/<name>.mp4    fake, 7 methods
    <root>/List_of_testing_videos.txt     lines '<1 or 0> <path below the root>.mp4'

Names of fakes are id<A>_id<B>_<clip>, or id<A>_<clip>_<anything> of a talking face,
which other loaders read as the person A of the clip id<A>_<clip>. The folder
FaceSwap/Celeb-DF, or FaceSwap/Celeb-DF-v2, holds the fakes of Celeb-DF. These alone
reuse the boxes of their real video: whether others have its size and all its frames is
not documented.

Labels and splits as in `celeb_df`: test is the official list, and the persons of
validation are the same. Videos of Celeb-DF have the keys that they have there (dataset
`Celeb-DF`, method `Celeb-synthesis`), so that a leak between the two is found.

Li et al., "Celeb-DF++: A Large-scale Challenging Video DeepFake Benchmark for
Generalizable Forensics", 2025, https://github.com/OUC-VAS/Celeb-DF-PP
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import ClassVar

from mmdeepfake.structures import FAKE, REAL, REAL_METHOD

from .celeb_df import (
    LIST_NAME,
    METHOD,
    CelebDFLayout,
    describe_video,
    read_test_list,
    videos_folder,
)
from .layout import Selection, choose, find_child, folder_names, match_name
from .source_video import SourceVideo

KINDS = ('FaceSwap', 'FaceReenact', 'TalkingFace')
_NAMES_OF_CELEB_DF = ('Celeb-DF', 'Celeb-DF-v2')
_FORM = re.compile(r'(id\d+)(?:_(id\d+))?_(\d+)(?:_.+)?')

HOW_TO_GET = f"""\
To get Celeb-DF++: fill in the form linked from https://github.com/OUC-VAS/Celeb-DF-PP,
unpack the download, and set ROOT to the folder that holds Celeb-real/, YouTube-real/,
{METHOD}/{{{','.join(KINDS)}}}/<method>/ and {LIST_NAME}."""


class CelebDFPlusPlusLayout(CelebDFLayout):
    """Celeb-DF++; see this module."""

    how_to_get = HOW_TO_GET
    methods: ClassVar[tuple[str, ...]] = ()  # those of the folders
    # 340 of Celeb-DF, 200 of each other swap and reenactment, 300 of each talking face.
    num_listed: ClassVar[int] = 5418
    official_counts: ClassVar[dict[str, int]] = {
        'test real': 178,
        'test fake': 5240,
        'other real': 712,
        'other fake': 47956,
    }

    def find_missing(self, root: Path) -> str:
        """Return which folders, or whether the list, are missing."""
        missing = super().find_missing(root)
        if not missing and not any(find_child(root / METHOD, kind) for kind in KINDS):
            missing = f'no folder {" or ".join(KINDS)} in {METHOD}'
        return missing

    def read_tested(self, root: Path) -> set[tuple[str, str]]:
        """Return (folder below the root, name) of each video of the test list."""
        listed = read_test_list(root / LIST_NAME, num_fake_parts=4)
        return {(_plain_place(place), name) for place, name in listed}

    def find_folders(
        self, root: Path, tested: Collection[tuple[str, str]], selection: Selection
    ) -> dict[str, Path]:
        """Return the folders by place, those of missing methods among them."""
        fakes = find_child(root, METHOD) or root / METHOD
        places = {
            _plain_place(f'{METHOD}/{kind}/{method}'): videos_folder(
                fakes / kind, method
            )
            for kind in KINDS
            for method in folder_names(fakes / kind)
        }
        for place, _ in sorted(tested):
            if place.startswith(METHOD):
                places.setdefault(place, root / place)
        known = sorted({_method_of(place) for place in places})
        wanted = choose('methods', selection.methods, known, where=str(fakes))
        return {
            **{
                name: videos_folder(root, name)
                for name in ('Celeb-real', 'YouTube-real')
            },
            **{place: p for place, p in places.items() if _method_of(place) in wanted},
        }

    def describe(self, place: str, path: Path, selection: Selection) -> SourceVideo:
        """Return a video, for training or validation."""
        if not place.startswith(METHOD):
            return describe_video(place, path, selection)
        form = 'id<A>_id<B>_<clip> or id<A>_<clip>'
        target, other, clip = match_name(_FORM, path, form=form, dataset=place).groups()
        method, original = _method_of(place), f'{target}_{clip}'
        return SourceVideo(
            selection.key(FAKE, method, path.stem),
            path,
            'train',
            identities=tuple(filter(None, (target, other))),
            sources=(original,),
            partner=selection.key(REAL, REAL_METHOD, original)
            if method == METHOD
            else None,
        )


def _plain_place(place: str) -> str:
    """Return a place with the one name of the folder of Celeb-DF's fakes."""
    folder, _, name = place.rpartition('/')
    return f'{folder}/{METHOD}' if name in _NAMES_OF_CELEB_DF else place


def _method_of(place: str) -> str:
    return place.rpartition('/')[2]
