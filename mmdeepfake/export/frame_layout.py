"""The input of a config's detector: number, size and normalisation of its frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mmdeepfake.commands.complexity import find_input_shape
from mmdeepfake.engine.config_checks import find_transforms
from mmdeepfake.errors import ConfigError


@dataclass(frozen=True)
class FrameLayout:
    """The frames of one video, as an exported detector takes them.

    Attributes:
        num_snippets: S at test; for other numbers see `ExportMetadata`.
        clip_len: T, frames per snippet.
        stride_frames: distance between two of them in the video.
        is_3d: whether the model takes (S, 3, T, H, W) instead of (S*T, 3, H, W).
    """

    num_snippets: int
    clip_len: int
    stride_frames: int
    height: int
    width: int
    is_3d: bool

    def make_noise(self, num_videos: int, num_snippets: int, *, seed: int) -> Tensor:
        """Draw random frames, (V, S, T, 3, H, W) uint8."""
        generator = torch.Generator().manual_seed(seed)
        shape = (num_videos, num_snippets, self.clip_len, 3, self.height, self.width)
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)

    def pack(self, frames: Tensor) -> Tensor:
        """Arrange frames (V, S, T, 3, H, W) as the config's pipeline packs them.

        Returns:
            (V, S*T, 3, H, W), or (V, S, 3, T, H, W) for 3D models.
        """
        if self.is_3d:
            return frames.transpose(2, 3).contiguous()
        return frames.flatten(1, 2)

    def unpack(self, inputs: Tensor) -> Tensor:
        """Undo `pack`."""
        if self.is_3d:
            return inputs.transpose(2, 3)
        return inputs.unflatten(1, (-1, self.clip_len))


def read_frame_layout(cfg: Mapping) -> FrameLayout:
    """Read the layout from the config's test pipeline.

    Raises:
        ConfigError: it packs something other than the frames of snippets.
    """
    shape = find_input_shape(cfg, split='test')
    samplers = [
        node
        for path, node in find_transforms(cfg, 'SampleSnippets')
        if path.startswith('test_dataloader.')
    ]
    count, clip_len = samplers[-1]['num_snippets'], samplers[-1]['clip_len']
    height, width = shape[-2:]
    known = {
        (count * clip_len, 3, height, width): False,
        (count, 3, clip_len, height, width): True,
    }
    if shape not in known:
        raise ConfigError(
            f'test_dataloader packs a video as {shape}; export needs frames packed as '
            f'{" or ".join(map(str, known))} for {count} snippets of '
            f'{clip_len}'
        )
    stride = samplers[-1].get('stride_frames', 1)
    return FrameLayout(count, clip_len, stride, height, width, known[shape])


def read_normalisation(cfg: Mapping) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation per channel, for RGB frames in 0..255.

    Raises:
        ConfigError: the config reorders channels or does not normalise.
    """
    settings = cfg['model'].get('data_preprocessor') or {}
    if settings.get('to_rgb'):
        raise ConfigError(
            'model.data_preprocessor.to_rgb = True: an exported detector takes RGB '
            'frames, as the pipelines return them; remove it'
        )
    if not settings.get('mean') or not settings.get('std'):
        raise ConfigError(
            'model.data_preprocessor has no mean or no std; export needs both, since '
            'the normalisation becomes part of the graph'
        )
    return list(settings['mean']), list(settings['std'])
