"""What a config's detector takes: how many frames, of what size, normalised how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
        num_snippets: S at test; others may be allowed, see `ExportMetadata`.
        clip_len: T, frames of a snippet.
        stride_frames: distance between two of them in the video.
        height: rows of a frame, in pixels.
        width: columns of a frame, in pixels.
        is_3d: whether the model takes (S, 3, T, H, W) in place of (S*T, 3, H, W).
    """

    num_snippets: int
    clip_len: int
    stride_frames: int
    height: int
    width: int
    is_3d: bool

    def make_noise(self, num_videos: int, num_snippets: int, *, seed: int) -> Tensor:
        """Draw frames, (V, S, T, 3, H, W) uint8."""
        generator = torch.Generator().manual_seed(seed)
        shape = (num_videos, num_snippets, self.clip_len, 3, self.height, self.width)
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)

    def pack(self, frames: Tensor) -> Tensor:
        """Lay frames out as the config's pipeline packs them for the model.

        Args:
            frames: (V, S, T, 3, H, W).

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
    """Read the layout off the config's test pipeline.

    Raises:
        ConfigError: it packs something else than the frames of snippets.
    """
    shape = find_input_shape(cfg, split='test')
    sampler = list(_test_transforms(cfg, 'SampleSnippets'))[-1]
    count, clip_len = sampler['num_snippets'], sampler['clip_len']
    height, width = shape[-2:]
    known = {
        (count * clip_len, 3, height, width): False,
        (count, 3, clip_len, height, width): True,
    }
    if shape not in known:
        raise ConfigError(
            f'test_dataloader packs a video as {shape}: exported are models of frames, '
            f'packed as {" or ".join(map(str, known))} for {count} snippets of '
            f'{clip_len}'
        )
    return FrameLayout(
        num_snippets=count,
        clip_len=clip_len,
        stride_frames=sampler.get('stride_frames', 1),
        height=height,
        width=width,
        is_3d=known[shape],
    )


def read_normalisation(cfg: Mapping) -> tuple[list[float], list[float]]:
    """Give mean and standard deviation of each channel, of frames in 0..255, RGB.

    Raises:
        ConfigError: the config reorders channels, or does not normalise.
    """
    settings = cfg['model'].get('data_preprocessor') or {}
    if settings.get('to_rgb'):
        raise ConfigError(
            'model.data_preprocessor.to_rgb = True: an exported detector takes RGB '
            'frames, as the pipelines give them; remove it'
        )
    if not settings.get('mean') or not settings.get('std'):
        raise ConfigError(
            'model.data_preprocessor has no mean or no std: need both, since the '
            'normalisation becomes part of the exported graph'
        )
    return list(settings['mean']), list(settings['std'])


def _test_transforms(cfg: Mapping, name: str) -> Iterator[Mapping]:
    for path, node in find_transforms(cfg, name):
        if path.startswith('test_dataloader.'):
            yield node
