"""VideoMAE: a plain video transformer with masked pre-training.

Paper: Z. Tong et al., "VideoMAE: Masked Autoencoders are Data-Efficient Learners for
Self-Supervised Video Pre-Training", NeurIPS 2022, https://arxiv.org/abs/2203.12602.
Public code: https://github.com/MCG-NJU/VideoMAE. Not a forgery detector, but a large
reference whose pre-training videos may show persons of a test set.

The network is MMAction2's `VisionTransformer`, with complete loading of checkpoints,
freezing, and a check of the clip length.

    16 x 224 x 224 -> 8 x 14 x 14 = 1,568 tokens of 768 -> their mean, normalised
"""

from __future__ import annotations

import torch
from mmaction.models.backbones import VisionTransformer
from mmengine.logging import MMLogger
from torch import Tensor

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from ..conversion.pretrained import load_pretrained
from ..conversion.videomae import RULES

# Self-supervised checkpoints have none: it comes with fine-tuning.
_LAST_NORM = ('fc_norm.weight', 'fc_norm.bias')


@MODELS.register_module()
class VideoMAEVisionTransformer(VisionTransformer):
    """Features of clips; (B, 3, T, H, W) -> (B, C). For `Recognizer3D`.

    MMAction2's layer-wise learning rate decay finds it by its class name.

    Args:
        num_frames: T of the table of positions, which is resized to other frame sizes
            but not to other lengths.
        frozen: whether the backbone is not trained (a linear probe).
        pretrained: path or URL of a checkpoint of the public code, self-supervised or
            fine-tuned, or of MMAction2's; its classifier is skipped. None draws all at
            random.
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
        # Not passed on: the parent would put it into its init_cfg.
        self.pretrained = pretrained
        self.num_frames = num_frames
        self.frozen = frozen
        self.requires_grad_(not frozen)

    def init_weights(self) -> None:
        """Draw all weights, then load the public ones if named."""
        super().init_weights()
        load_pretrained(self, RULES, may_miss=_LAST_NORM)
        if self.frozen and not self.pretrained:
            MMLogger.get_current_instance().warning(
                'VideoMAEVisionTransformer: frozen at random weights; name a '
                'checkpoint: --cfg-options model.backbone.pretrained=PATH'
            )

    def train(self, mode: bool = True) -> VideoMAEVisionTransformer:
        """Switch the mode unless frozen; return self."""
        return super().train(mode and not self.frozen)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, C)."""
        num_frames, height, width = x.shape[2:]
        if num_frames != self.num_frames:
            raise ConfigError(
                f'VideoMAEVisionTransformer got clips of {num_frames} frames, but '
                f'num_frames = {self.num_frames}: set SampleSnippets.clip_len and '
                'model.backbone.num_frames to the same number'
            )
        if height % self.patch_size or width % self.patch_size:
            raise ConfigError(
                f'VideoMAEVisionTransformer got frames of {height} x {width} pixels: '
                f'need multiples of patch_size = {self.patch_size}'
            )
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return super().forward(x)
