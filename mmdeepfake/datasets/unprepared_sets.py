"""Datasets read from their original folders, without a manifest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdeepfake.datasets.argument_checks import check_argument
from mmdeepfake.layouts import (
    CLASSIC_METHODS,
    DFD_METHOD,
    LAYOUTS,
    SourceVideo,
    list_faceforensics,
    list_video_folder,
)
from mmdeepfake.registry import DATASETS
from mmdeepfake.structures import VideoRecord

from .deepfake_dataset import DeepfakeDataset


def as_record(video: SourceVideo, root: str | os.PathLike[str]) -> VideoRecord:
    """Return the record of a source video."""

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
    """FaceForensics++ as downloaded, see `layouts.faceforensics`.

    Arguments as in `DeepfakeDataset`, except: `compression` is required,
    `methods=None` means Deepfakes, Face2Face, FaceSwap and NeuralTextures, and
    `manifest` is not used.
    """

    @classmethod
    def check_data(cls, settings: Mapping[str, Any]) -> None:
        """Check that the root is that of FaceForensics++."""
        LAYOUTS['ffpp'].check_root(Path(settings['data_root']))

    def list_records(self) -> list[VideoRecord]:
        """List the videos of the split, including those whose files are missing."""
        check_argument(
            self,
            DFD_METHOD not in (self.methods or ()),
            f'methods other than {DFD_METHOD!r}, which has no official split; prepare '
            'it with tools/prepare.py',
            methods=self.methods,
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
    """Your own videos in folders, see `layouts.video_folder`.

    Arguments as in `DeepfakeDataset`, except: `manifest` is not used, `compression`
    must be None (a config that inherits another one resets it), and `dataset_name`
    defaults to the name of the root folder.
    """

    @classmethod
    def check_data(cls, settings: Mapping[str, Any]) -> None:
        """Check that the root has the folders of splits and classes."""
        LAYOUTS['folder'].check_root(Path(settings['data_root']))

    def list_records(self) -> list[VideoRecord]:
        """List the videos of the split."""
        check_argument(
            self,
            self.compression is None,
            'compression=None, since a folder of videos has no compression levels',
            compression=self.compression,
        )
        root = os.path.abspath(self.data_root)
        videos = list_video_folder(
            root,
            split=self.split,
            dataset_name=self.dataset_name or os.path.basename(root),
        )
        records = [as_record(video, root) for video in videos]
        return self._select_methods(records, where=root)
