"""Datasets read straight from their folders, without a manifest."""

from __future__ import annotations

import os

from mmdeepfake.registry import DATASETS
from mmdeepfake.structures import FAKE, REAL_METHOD, VideoRecord

from .deepfake_dataset import DeepfakeDataset
from .faceforensics_layout import CLASSIC_METHODS, list_faceforensics
from .video_folder_layout import list_video_folder


@DATASETS.register_module()
class FaceForensics(DeepfakeDataset):
    """FaceForensics++ as downloaded; see `faceforensics_layout` for the folders.

    Arguments are those of `DeepfakeDataset`, with `compression` needed, `methods=None`
    for Deepfakes, Face2Face, FaceSwap and NeuralTextures, and `manifest` not used.
    """

    def list_records(self) -> list[VideoRecord]:
        """List the videos of the split, those whose files are missing as well."""
        return list_faceforensics(
            self.data_root,
            split=self.split,
            methods=CLASSIC_METHODS if self.methods is None else self.methods,
            compression=self.compression,
            dataset_name=self.dataset_name or 'FaceForensics++',
        )


@DATASETS.register_module()
class VideoFolder(DeepfakeDataset):
    """Videos of your own, in folders; see `video_folder_layout` for their names.

    Arguments are those of `DeepfakeDataset`, with `manifest` not used, and
    `compression` refused, since such folders have no levels of it: a config that
    inherits one from another dataset sets it to None. `dataset_name` is the name of the
    root folder, if not given.
    """

    def list_records(self) -> list[VideoRecord]:
        """List the videos of the split."""
        if self.compression is not None:
            raise self._config_error(
                f'compression={self.compression!r}; a folder of videos has no '
                'compression levels, so only None is allowed. Set compression=None'
            )
        root = os.path.abspath(self.data_root)
        records = list_video_folder(
            root,
            split=self.split,
            dataset_name=self.dataset_name or os.path.basename(root),
        )
        if self.methods is None:
            return records
        found = sorted({r.key.method for r in records if r.key.label == FAKE})
        self._refuse_unknown('methods', self.methods, found, where=root)
        wanted = {REAL_METHOD, *self.methods}
        return [record for record in records if record.key.method in wanted]
