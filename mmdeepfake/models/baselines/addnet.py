"""ADDNet-3D: the first layers of Xception, dimmed by a mask of the face, then 3D.

Paper: B. Zi et al., "WildDeepfake: A Challenging Real-World Dataset for Deepfake
Detection", ACM MM 2020, https://doi.org/10.1145/3394171.3413769 (arXiv 2101.01456).
No code of the network is public, only figures
(https://github.com/OpenTAI/wild-deepfake). From them: the ADD block is Xception's
entry flow on each frame, the image and four maps multiplied by the mask, pooled from
map to map. A **reconstruction**: the 3D network, the number of frames, the mask (see
`draw_attention`, it is the fourth channel of the frames), and that the image is
normalised before the mask.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from ..backbones.initial_weights import draw_weights, log_start
from .xception import Xception

_NUM_COLOURS = 3
_ENTRY_BLOCKS = 3


def pool_down(mask: Tensor, sizes: Sequence[tuple[int, int]]) -> list[Tensor]:
    """Average a mask to each size in turn, from the one before.

    Args:
        mask: (N, 1, H, W).
        sizes: rows and columns of each map.

    Returns:
        One (N, 1, h, w) for each size.
    """
    masks = []
    for size in sizes:
        mask = F.adaptive_avg_pool2d(mask, size)
        masks.append(mask)
    return masks


class AttentionEntryFlow(nn.Module):
    """Xception's entry flow with masks multiplied into the image and four maps.

    Args:
        width_ratio: see `Xception`.
    """

    def __init__(self, *, width_ratio: float = 1.0) -> None:
        super().__init__()
        xception = Xception(num_middle_blocks=0, width_ratio=width_ratio)
        self.conv1, self.conv2 = xception.conv1, xception.conv2
        self.blocks = xception.blocks[:_ENTRY_BLOCKS]
        self.out_channels = self.blocks[-1].shortcut.conv.out_channels

    def load(self, xception: Xception) -> None:
        """Copy the weights of a complete Xception."""
        self.conv1.load_state_dict(xception.conv1.state_dict())
        self.conv2.load_state_dict(xception.conv2.state_dict())
        self.blocks.load_state_dict(xception.blocks[:_ENTRY_BLOCKS].state_dict())

    def steps(self) -> list[nn.Module]:
        """Return the layers from each map to the next."""
        return [nn.Sequential(self.conv1, self.conv2), *self.blocks]

    def forward(self, frames: Tensor, mask: Tensor) -> list[Tensor]:
        """Compute the masked image and maps.

        Args:
            frames: (N, 3, H, W).
            mask: (N, 1, H, W) in [0, 1].

        Returns:
            The image and four maps, after their masks; the last is (N, C, h, w).
        """
        levels = [frames * mask]
        for step in self.steps():
            level = step(levels[-1])
            mask = pool_down(mask, [level.shape[-2:]])[0]
            levels.append(level * mask)
        return levels


@MODELS.register_module()
class ADDNet3D(BaseModule):
    """Features of clips; (B, 4, T, H, W) -> (B, C, t, h, w), C the last of `channels`.

    Args:
        channels: of the 1x1x1 convolution, two 3x3x3 ones with stride 2 in space and
            time, and a last one with stride 1.
        width_ratio: see `Xception`; of the entry flow.
        pretrained: weights of a complete `Xception`, of which the entry flow is taken;
            None draws them at random.
    """

    def __init__(
        self,
        *,
        channels: tuple[int, int, int, int] = (256, 256, 256, 512),
        width_ratio: float = 1.0,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        self.width_ratio = width_ratio
        self.pretrained = pretrained
        self.entry = AttentionEntryFlow(width_ratio=width_ratio)
        layers = dict(conv_cfg=dict(type='Conv3d'), norm_cfg=dict(type='BN3d'))
        reduced, first, second, last = channels
        self.over_time = nn.Sequential(
            ConvModule(self.entry.out_channels, reduced, 1, **layers),
            ConvModule(reduced, first, 3, stride=2, padding=1, **layers),
            ConvModule(first, second, 3, stride=2, padding=1, **layers),
            ConvModule(second, last, 3, padding=1, **layers),
        )

    def init_weights(self) -> None:
        """Draw all weights, then load Xception's entry flow if named."""
        draw_weights(self)
        if self.pretrained:
            xception = Xception(
                width_ratio=self.width_ratio, pretrained=self.pretrained
            )
            xception.init_weights()
            self.entry.load(xception)
        log_start(self, ', 3D layers at random')

    def frame_features(self, x: Tensor) -> Tensor:
        """Compute the last map of the entry flow for every frame by itself.

        Args:
            x: (B, 4, T, H, W), colours and the mask.

        Returns:
            (B, C, T, h, w).
        """
        if x.shape[1] != _NUM_COLOURS + 1:
            raise ConfigError(
                f'ADDNet3D got frames of {x.shape[1]} channels, but needs 4: add '
                'FaceAttentionMask to the pipeline (after LoadFaceLandmarks)'
            )
        frames = x.transpose(1, 2).flatten(0, 1)  # (B*T, 4, H, W)
        last = self.entry(frames[:, :_NUM_COLOURS], frames[:, _NUM_COLOURS:])[-1]
        return last.unflatten(0, (x.shape[0], -1)).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 4, T, H, W) -> (B, C, t, h, w)."""
        return self.over_time(self.frame_features(x))
