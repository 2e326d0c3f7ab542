"""TALL-Swin: an image transformer on four frames laid out as one image.

Paper: Y. Xu et al., "TALL: Thumbnail Layout for Deepfake Video Detection", ICCV 2023,
https://arxiv.org/abs/2307.07494. Public code:
https://github.com/rainy-xu/TALL4Deepfake; the same weights give the same scores for an
image. `ThumbnailLayout` makes the image.

The network is Swin-B (https://arxiv.org/abs/2103.14030) with windows of 14 x 14 tokens
in place of 7 x 7, so that a window of the third stage covers all four frames, and a
learned vector for each frame's position in time, added to its tokens:

    224 x 224 -> 56 x 56 tokens of 128 -> 28 x 28 of 256 -> 14 x 14 of 512 -> 7 x 7 of
    1024

Blocks are those of MMAction2's `SwinTransformer3D` with one step in time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmaction.models.backbones.swin import (
    PatchMerging,
    SwinTransformerBlock3D,
    compute_mask,
)
from mmengine.model import BaseModule
from mmengine.model.weight_init import constant_init, trunc_normal_init
from torch import Tensor, nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from ..conversion.pretrained import load_pretrained
from ..conversion.tall import make_rules

_PATCH_PX = 4


class PatchEmbedding(nn.Module):
    """Tokens of patches of 4 x 4 pixels."""

    def __init__(self, embed_dims: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, embed_dims, _PATCH_PX, stride=_PATCH_PX)
        self.norm = nn.LayerNorm(embed_dims)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, H / 4, W / 4, C)."""
        return self.norm(self.proj(x).permute(0, 2, 3, 1))


class SwinStage(nn.Module):
    """Blocks of one resolution; every second one shifts its windows by half.

    Args:
        embed_dims: C of a token.
        num_heads: of the attention.
        side: rows and columns of tokens.
        window_size: rows and columns of a window; none is shifted if it is `side`.
        drop_path_rates: of each block.
        merges: whether 2 x 2 tokens become one of twice the channels at the end.
    """

    def __init__(
        self,
        embed_dims: int,
        *,
        num_heads: int,
        side: int,
        window_size: int,
        drop_path_rates: Sequence[float],
        merges: bool,
    ) -> None:
        super().__init__()
        window, shift = (1, window_size, window_size), (0, *2 * (window_size // 2,))
        self.blocks = nn.ModuleList(
            SwinTransformerBlock3D(
                embed_dims,
                num_heads,
                window_size=window,
                shift_size=shift if index % 2 else (0, 0, 0),
                drop_path=rate,
            )
            for index, rate in enumerate(drop_path_rates)
        )
        self.downsample = PatchMerging(embed_dims) if merges else None
        # Uncached: a cached mask may have been made in inference mode.
        device = torch.get_default_device()
        mask = compute_mask.__wrapped__(1, side, side, window, shift, device)
        self.register_buffer('mask', mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, h, w, C) -> the same, or (B, 1, h / 2, w / 2, 2C)."""
        for block in self.blocks:
            x = block(x, self.mask)
        return x if self.downsample is None else self.downsample(x)


@MODELS.register_module()
class TALLSwin(BaseModule):
    """Features of thumbnail images; (B, 3, H, W) -> (B, 1024, H / 32, W / 32).

    For `SnippetRecognizer` with `clip_len = 1`, whose rows are the images.

    Args:
        side_px: H and W of the thumbnail image.
        layout: rows and columns of frames in it.
        embed_dims: channels of the first stage; each later one has twice as many.
        depths: blocks of each stage.
        num_heads: of the attention in each stage.
        window_sizes: of each stage, in tokens; the stage's side is a multiple of it.
        drop_path_rate: of the last block; linear from 0 at the first.
        pretrained: path or URL of weights of the public code or of Swin, whose tables
            of relative positions are resized; None draws all at random.
    """

    def __init__(
        self,
        *,
        side_px: int = 224,
        layout: tuple[int, int] = (2, 2),
        embed_dims: int = 128,
        depths: Sequence[int] = (2, 2, 18, 2),
        num_heads: Sequence[int] = (4, 8, 16, 32),
        window_sizes: Sequence[int] = (14, 14, 14, 7),
        drop_path_rate: float = 0.1,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        self.pretrained = pretrained
        self.side_px = side_px
        self.layout = tuple(layout)
        self.window_sizes = tuple(window_sizes)
        self._check_sizes()
        self.patch_embed = PatchEmbedding(embed_dims)
        self.frame_position = nn.Parameter(
            torch.empty(1, self.layout[0] * self.layout[1], embed_dims)
        )
        rates = torch.linspace(0, drop_path_rate, sum(depths), device='cpu').split(
            list(depths)
        )
        self.layers = nn.ModuleList(
            SwinStage(
                embed_dims * 2**index,
                num_heads=num_heads[index],
                side=side_px // _PATCH_PX // 2**index,
                window_size=window_sizes[index],
                drop_path_rates=rates[index].tolist(),
                merges=index < len(depths) - 1,
            )
            for index in range(len(depths))
        )
        self.norm = nn.LayerNorm(embed_dims * 2 ** (len(depths) - 1))

    def _check_sizes(self) -> None:
        for index, window in enumerate(self.window_sizes):
            patch_px = _PATCH_PX * 2**index
            if self.side_px % (patch_px * window):
                raise ConfigError(
                    f'side_px = {self.side_px} of TALLSwin: stage {index + 1} has '
                    f'patches of {patch_px} pixels in windows of {window} x {window}, '
                    f'so need a multiple of {patch_px * window}, or another window'
                )
        for count in self.layout:
            if self.side_px % (_PATCH_PX * count):
                raise ConfigError(
                    f'layout = {self.layout} of TALLSwin: {self.side_px} pixels do not '
                    f'divide into {count} frames of complete {_PATCH_PX}-pixel patches'
                )

    def init_weights(self) -> None:
        """Draw all weights, then load the public ones if named."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                trunc_normal_init(module, std=0.02)
            elif isinstance(module, nn.LayerNorm):
                constant_init(module, 1)
            if name.endswith('.attn'):
                nn.init.trunc_normal_(module.relative_position_bias_table, std=0.02)
        nn.init.trunc_normal_(self.frame_position, std=0.02)
        load_pretrained(
            self, make_rules(self.window_sizes), may_miss=('frame_position',)
        )

    def place_in_time(self, side: int) -> Tensor:
        """Repeat the frames' vectors over their tokens: (side, side, C)."""
        rows, columns = self.layout
        grid = self.frame_position[0].unflatten(0, self.layout)  # (rows, columns, C)
        grid = grid.repeat_interleave(side // rows, dim=0)
        return grid.repeat_interleave(side // columns, dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, C, h, w)."""
        if x.shape[2:] != (self.side_px, self.side_px):
            raise ConfigError(
                f'TALLSwin got images of {x.shape[2]} x {x.shape[3]} pixels, but '
                f'side_px = {self.side_px}: use Resize to that, ThumbnailLayout, and '
                'FormatShape of NCHW'
            )
        x = self.patch_embed(x)
        x = (x + self.place_in_time(x.shape[1])).unsqueeze(1)  # (B, 1, h, w, C)
        for layer in self.layers:
            x = layer(x)
        return self.norm(x).squeeze(1).permute(0, 3, 1, 2)
