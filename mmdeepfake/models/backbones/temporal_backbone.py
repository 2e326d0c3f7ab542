"""What backbones with temporal modules share: the modules' place, start and checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmdeepfake.errors import ConfigError


class TemporalBackbone:
    """Mixin: temporal modules in the blocks of a 2D backbone on folded snippets.

    Frames are (B*S*T, 3, H, W), T innermost, as `FormatShape('NCHW')` and
    `Recognizer2D` fold them; a temporal module sees T consecutive rows of the batch as
    one snippet. It stands before the backbone's class among the bases. A block has
    `temporal`, None at first, which it applies to its map, and `temporal_channels`.
    """

    min_clip_len = 1
    clip_len_option = 'clip_len'  # its name among the options of a subclass

    def insert_temporal_modules(
        self,
        stages: Sequence[Iterable[nn.Module]],
        make_module: Callable[[int], nn.Module],
        *,
        clip_len: int,
        chosen: Sequence[bool],
    ) -> None:
        """Insert a module into each block of the chosen stages.

        Args:
            stages: the blocks of each stage.
            make_module: makes the module of a block from its number of channels; a
                module maps (B*S*T, C, H, W) to the same shape and has `init_weights`.
            clip_len: frames of a snippet, T in the paper.
            chosen: whether the blocks of each stage get one.
        """
        owner = type(self).__name__
        if not isinstance(clip_len, int) or clip_len < self.min_clip_len:
            raise ConfigError(
                f'{self.clip_len_option} = {clip_len!r} of {owner}: need an integer of '
                f'{self.min_clip_len} or more'
            )
        if len(chosen) != len(stages):
            raise ConfigError(
                f'stages = {tuple(chosen)} of {owner}: need one flag for each of its '
                f'{len(stages)} stages'
            )
        self.clip_len = clip_len
        for blocks, is_chosen in zip(stages, chosen, strict=True):
            for block in blocks if is_chosen else ():
                block.temporal = make_module(block.temporal_channels)

    def temporal_modules(self) -> dict[str, nn.Module]:
        """Return the temporal modules in order of depth, by the name of their block."""
        return {
            name: block.temporal
            for name, block in self.named_modules()
            if getattr(block, 'temporal', None) is not None
        }

    def init_weights(self) -> None:
        """Load or draw the backbone's weights, then initialise the temporal modules."""
        super().init_weights()
        # The backbone has drawn every Conv2d, those of the modules too.
        for module in self.temporal_modules().values():
            module.init_weights()

    def train(self, mode: bool = True) -> TemporalBackbone:
        """Switch the mode and return self.

        `norm_eval` keeps the pretrained statistics of the backbone's norms; those of
        the temporal modules have none and are estimated from the batch.
        """
        super().train(mode)
        if mode and self.norm_eval:
            for module in self.temporal_modules().values():
                for norm in module.modules():
                    is_norm = isinstance(norm, _BatchNorm)
                    if is_norm and norm.weight.requires_grad:  # not in a frozen stage
                        norm.train()
        return self

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the features of folded snippets.

        Args:
            x: (B*S*T, 3, H, W), T innermost.

        Returns:
            A tuple, of one tensor (B*S*T, C, h, w) by default: with a neck,
            `Recognizer2D` would iterate a bare tensor along the batch.
        """
        if x.shape[0] % self.clip_len:
            raise ConfigError(
                f'{type(self).__name__} got {x.shape[0]} frames, not a multiple of '
                f'{self.clip_len_option} = {self.clip_len}: SampleSnippets must draw '
                f'as many frames as model.backbone.{self.clip_len_option}'
            )
        features = super().forward(x)
        return (features,) if isinstance(features, torch.Tensor) else features
