"""TAM: temporal kernels made from each video's own pooled features.

Paper: TAM: Temporal Adaptive Module for Video Recognition, ICCV 2021,
https://arxiv.org/abs/2005.06803; code: https://github.com/liu-zhy/temporal-adaptive-module.

The module is MMAction2's. The network equals MMAction2's `TANet`, which loads ImageNet
weights in its constructor and has no ResNet-18. Our choice: in the basic blocks of
depths 18 and 34 the module is before the first 3x3 convolution too.
"""

from __future__ import annotations

from functools import partial

from mmaction.models.common import TAM

from mmdeepfake.registry import MODELS

from ..backbones.temporal_resnet import TemporalResNet


class TemporalAdaptiveModule(TAM):
    """MMAction2's `TAM` with the `init_weights` that `TemporalResNet` calls."""

    def init_weights(self) -> None:
        """Draw all layers by PyTorch's defaults, as the public code does."""
        for module in self.modules():
            if hasattr(module, 'reset_parameters'):
                module.reset_parameters()


@MODELS.register_module()
class TAMResNet(TemporalResNet):
    """ResNet with a TAM before the first 3x3 convolution of every block.

    Args:
        depth: 18, 34, 50, 101 or 152.
        num_segments: T, frames of a clip, evenly spaced; 3 or more, as in `TANet`.
        pretrained: ImageNet weights with torchvision's key names, a path or URL.
        kwargs: see MMAction2's `ResNet`.
    """

    min_clip_len = 3
    clip_len_option = 'num_segments'

    def __init__(
        self,
        depth: int,
        *,
        num_segments: int = 8,
        pretrained: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            depth,
            clip_len=num_segments,
            make_temporal_module=partial(
                TemporalAdaptiveModule, num_segments=num_segments
            ),
            pretrained=pretrained,
            **kwargs,
        )
