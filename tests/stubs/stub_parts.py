"""A tiny dataset and backbone, so that runs of the tools take no data and no time."""

from __future__ import annotations

import pathlib

import torch
from mmaction.registry import DATASETS, MODELS
from mmaction.structures import ActionDataSample
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdeepfake.errors import DataError, DataNotFoundError


@DATASETS.register_module()
class StubVideos(torch.utils.data.Dataset):
    """Noise, brighter where fake; item i depends on i alone.

    Args:
        num_videos: their labels alternate.
        data_root: folder that must exist.
        methods: name of the fakes.
        split: kept for the checks.
        broken: index of an item that cannot be read.
    """

    def __init__(
        self,
        num_videos: int,
        data_root: str = '.',
        methods: list[str] | None = None,
        split: str = 'train',
        broken: int | None = None,
        pipeline: list | None = None,
    ) -> None:
        if not pathlib.Path(data_root).is_dir():
            raise DataNotFoundError(f'no folder {data_root}: set data_root')
        self.num_videos, self.split, self.broken = num_videos, split, broken
        self.methods = methods or ['Stub']

    def __len__(self) -> int:
        return self.num_videos

    def get_data_info(self, index: int) -> dict:
        label = index % 2
        return {'label': label, 'method': self.methods[0] if label else 'real'}

    def __getitem__(self, index: int) -> dict:
        if index == self.broken:
            raise DataError(f'video {index} is broken:\ncannot decode it')
        info = self.get_data_info(index)
        generator = torch.Generator().manual_seed(index)
        noise = torch.randint(0, 200, (4, 3, 8, 8), generator=generator)
        sample = ActionDataSample().set_gt_label(info['label'])
        key = ('stub', info['label'], info['method'], 'c0', f'{index:03d}')
        sample.set_metainfo({'video_key': key, 'index': index})
        return {
            'inputs': (noise + 40 * info['label']).to(torch.uint8),
            'data_samples': sample,
        }


@MODELS.register_module()
class StubBackbone(BaseModule):
    """One convolution.

    Args:
        width: number of channels.
        clip_len: frames of a snippet.
    """

    def __init__(self, width: int = 4, clip_len: int = 4) -> None:
        super().__init__()
        self.clip_len = clip_len
        self.conv = nn.Conv2d(3, width, 3, stride=2)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, frames: Tensor) -> Tensor:
        """Map (B*T, 3, H, W) to (B*T, width, h, w)."""
        return self.norm(self.conv(frames))
