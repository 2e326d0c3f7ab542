"""Datasets read straight from their folders, without a manifest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdeepfake.layouts import (
    CLASSIC_METHODS,
    DFD_METHOD,
    LAYOUTS,
    SourceVideo,
    list_faceforensics,
    list_video_folder,
)
from mmdeepfake.registry import DATASETS
from mmdeepfake.structures import FAKE, REAL_METHOD, VideoRecord

from .deepfake_dataset import DeepfakeDataset


def as_record(video: SourceVideo, root: str | os.PathLike[str]) -> VideoRecord:
    """Give the record of a video that is read from where its layout found it."""

    def relative(path: Path) -> str:
        return path.relative_to(root).as_posix()

    return VideoRecord(
        video.key,
        relative(video.path),
        video.split,
        identities=video.identities,
        mask=None if video.mask is None else relative(video.mask),
    )


@DATASETS.register_module()
class FaceForensics(DeepfakeDataset):
    """FaceForensics++ as downloaded; see `layouts`' module of that name.

    Arguments are those of `DeepfakeDataset`, with `compression` needed, `methods=None`
    for Deepfakes, Face2Face, FaceSwap and NeuralTextures, and `manifest` not used.
    """

    @classmethod
    def check_data(cls, settings: Mapping[str, Any]) -> None:
        """Refuse a root that is not that of FaceForensics++."""
        LAYOUTS['ffpp'].check_root(Path(settings['data_root']))

    def list_records(self) -> list[VideoRecord]:
        """List the videos of the split, those whose files are missing as well."""
        if DFD_METHOD in (self.methods or ()):
            raise self._config_error(
                f'methods={self.methods!r}: {DFD_METHOD!r} has no official split and '
                'names its files otherwise; prepare it by tools/prepare.py and list it '
                'by its manifest'
            )
        videos = list_faceforensics(
            self.data_root,
            split=self.split,
            methods=CLASSIC_METHODS if self.methods is None else self.methods,
            compression=self.compression,
            dataset_name=self.dataset_name or 'FaceForensics++',
        )
        return [as_record(video, self.data_root) for video in videos]


@DATASETS.register_module()
class VideoFolder(DeepfakeDataset):
    """Videos of your own, in folders; see `layouts.video_folder`.

    Arguments are those of `DeepfakeDataset`, with `manifest` not used, and
    `compression` refused, since such folders have no levels of it: a config that
    inherits one from another dataset sets it to None. `dataset_name` is the name of the
    root folder, if not given.
    """

    @classmethod
    def check_data(cls, settings: Mapping[str, Any]) -> None:
        """Refuse a root without the folders of splits and classes."""
        LAYOUTS['folder'].check_root(Path(settings['data_root']))

    def list_records(self) -> list[VideoRecord]:
        """List the videos of the split."""
        if self.compression is not None:
            raise self._config_error(
                f'compression={self.compression!r}; a folder of videos has no '
                'compression levels, so only None is allowed. Set compression=None'
            )
        root = os.path.abspath(self.data_root)
        videos = list_video_folder(
            root,
            split=self.split,
            dataset_name=self.dataset_name or os.path.basename(root),
        )
        records = [as_record(video, root) for video in videos]
        if self.methods is None:
            return records
        found = sorted({r.key.method for r in records if r.key.label == FAKE})
        self._refuse_unknown('methods', self.methods, found, where=root)
        wanted = {REAL_METHOD, *self.methods}
        return [record for record in records if record.key.method in wanted]
