"""A ResNet with temporal modules on single frames spread over a whole video."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from mmdeepfake.errors import ConfigError

from ..backbones.temporal_resnet import TemporalResNet


class SegmentResNet(TemporalResNet):
    """`TemporalResNet` whose clip is one frame of each of `num_segments` segments.

    Args:
        depth: 18, 34, 50, 101 or 152.
        num_segments: T, the number of frames; `SampleSnippets` draws them as that many
            snippets of one frame.
        least_segments: the fewest that the temporal module makes sense of.
        make_temporal_module: see `TemporalResNet`.
        kwargs: see `TemporalResNet`.

    Raises:
        ConfigError: too few segments, or another number of frames in a batch.
    """

    def __init__(
        self,
        depth: int,
        *,
        num_segments: int,
        least_segments: int,
        make_temporal_module: Callable[[int], nn.Module],
        **kwargs,
    ) -> None:
        if not isinstance(num_segments, int) or num_segments < least_segments:
            raise ConfigError(
                f'num_segments = {num_segments!r} of {type(self).__name__}: need a '
                f'whole number of frames, {least_segments} or more'
            )
        super().__init__(
            depth,
            clip_len=num_segments,
            make_temporal_module=make_temporal_module,
            **kwargs,
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the features of folded clips.

        Args:
            x: (B*T, 3, H, W), T innermost.

        Returns:
            A tuple, of one tensor (B*T, C, h, w) by default.
        """
        if x.shape[0] % self.clip_len:
            raise ConfigError(
                f'{type(self).__name__} got {x.shape[0]} frames, no multiple of '
                f'num_segments = {self.clip_len}: let SampleSnippets draw as many '
                'single frames (num_snippets) as model.backbone.num_segments'
            )
        return super().forward(x)
