"""TAM on the small ResNets, whose blocks MMAction2's `TANet` refuses.

Paper: TAM: Temporal Adaptive Module for Video Recognition, ICCV 2021,
https://arxiv.org/abs/2005.06803; code: https://github.com/liu-zhy/temporal-adaptive-module.
For ResNet-50 and deeper use `TANet`, to which the module here is equal. Where it stands
in a basic block is our choice, for the paper has bottlenecks alone: before the first
3x3 convolution, as it stands before a bottleneck's.
"""

from __future__ import annotations

from functools import partial

from mmaction.models.common import TAM

from mmdeepfake.registry import MODELS

from .segment_resnet import SegmentResNet


class TemporalAdaptiveModule(TAM):
    """MMAction2's `TAM` with a start of its own, which `TemporalResNet` calls for."""

    def init_weights(self) -> None:
        """Draw all layers as torch does by default, as the public code."""
        for module in self.modules():
            if hasattr(module, 'reset_parameters'):
                module.reset_parameters()


@MODELS.register_module()
class TAMResNet(SegmentResNet):
    """ResNet with a TAM before the first 3x3 convolution of every block.

    Args:
        depth: 18, 34, 50, 101 or 152.
        num_segments: T, frames of a clip, evenly spaced; 3 or more, as in `TANet`.
        tam_cfg: options of MMAction2's `TAM` other than its channels and segments.
        pretrained: ImageNet weights with torchvision's key names, a path or URL.
        kwargs: see MMAction2's `ResNet`.
    """

    def __init__(
        self,
        depth: int,
        *,
        num_segments: int = 8,
        tam_cfg: dict | None = None,
        pretrained: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            depth,
            num_segments=num_segments,
            least_segments=3,
            make_temporal_module=partial(
                TemporalAdaptiveModule, num_segments=num_segments, **(tam_cfg or {})
            ),
            pretrained=pretrained,
            **kwargs,
        )
