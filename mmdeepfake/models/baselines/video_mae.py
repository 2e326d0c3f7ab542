"""VideoMAE: a plain video transformer, pre-trained by filling in what was masked.

Paper: Z. Tong et al., "VideoMAE: Masked Autoencoders are Data-Efficient Learners for
Self-Supervised Video Pre-Training", NeurIPS 2022, https://arxiv.org/abs/2203.12602.
Public code: https://github.com/MCG-NJU/VideoMAE. A point of reference of another kind:
no detector of forgeries, but large, and pre-trained on many videos, of which some may
show persons of a test set.

The network is MMAction2's `VisionTransformer`. Here it loads checkpoints whole or not
at all, can be frozen, and refuses clips that its table of positions is not for.

    16 x 224 x 224 -> 8 x 14 x 14 = 1,568 tokens of 768 -> their mean, normalised
"""

from __future__ import annotations

import torch
from mmaction.models.backbones import VisionTransformer
from mmengine.logging import MMLogger
from torch import Tensor

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from ..conversion.pretrained import load_backbone
from ..conversion.videomae import RULES

# Self-supervised checkpoints have none: it comes with fine-tuning.
_LAST_NORM = ('fc_norm.weight', 'fc_norm.bias')


@MODELS.register_module()
class VideoMAEVisionTransformer(VisionTransformer):
    """Features of clips; (B, 3, T, H, W) -> (B, C). For `Recognizer3D`.

    MMAction2's layer-wise decay of the learning rate knows it by its name.

    Args:
        num_frames: T, for which the fixed table of positions is made. Other sizes of
            frames are fine, the table is stretched to them; other lengths are not.
        frozen: whether the backbone stays as it starts, in evaluation mode, so that the
            head alone is trained: a linear probe.
        pretrained: checkpoint of the public code, self-supervised or fine-tuned, or
            MMAction2's of it, as a path or URL; the classifier in it is left out. None
            initialises at random.
        kwargs: see MMAction2's `VisionTransformer` (`img_size`, `patch_size`,
            `embed_dims`, `depth`, `num_heads`, `tubelet_size`, `drop_path_rate`).
    """

    def __init__(
        self,
        *,
        num_frames: int = 16,
        frozen: bool = False,
        pretrained: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(num_frames=num_frames, **kwargs)
        # Not handed on: the parent's own way to load is overwritten by its init_cfg.
        self.pretrained = pretrained
        self.num_frames = num_frames
        self.frozen = frozen
        self.requires_grad_(not frozen)

    def init_weights(self) -> None:
        """Draw all at random, load the public weights, and log which it was."""
        super().init_weights()
        logger = MMLogger.get_current_instance()
        if self.pretrained:
            load_backbone(self, self.pretrained, RULES, may_miss=_LAST_NORM)
        elif self.frozen:
            logger.warning(
                'VideoMAEVisionTransformer: frozen at random weights, a probe of '
                'nothing; name a checkpoint: --cfg-options '
                'model.backbone.pretrained=PATH'
            )
        logger.info(
            'VideoMAEVisionTransformer: initial weights '
            + (f'from {self.pretrained}' if self.pretrained else 'drawn at random')
        )

    def train(self, mode: bool = True) -> VideoMAEVisionTransformer:
        """Switch the mode, unless frozen; returns self."""
        return super().train(mode and not self.frozen)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, C).

        Raises:
            ConfigError: T is not `num_frames`, or frames do not split into patches.
        """
        num_frames, height, width = x.shape[2:]
        if num_frames != self.num_frames:
            raise ConfigError(
                f'VideoMAEVisionTransformer got clips of {num_frames} frames and has a '
                f'table of positions for num_frames = {self.num_frames}: give '
                'SampleSnippets.clip_len and model.backbone.num_frames the same number'
            )
        if height % self.patch_size or width % self.patch_size:
            raise ConfigError(
                f'VideoMAEVisionTransformer got frames of {height} x {width} pixels: '
                f'need multiples of patch_size = {self.patch_size}'
            )
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return super().forward(x)
