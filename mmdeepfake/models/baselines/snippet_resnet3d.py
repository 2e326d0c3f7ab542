"""The 3D ResNet of DSANet and V4D, whose snippets meet in chosen blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mmaction.models.backbones.resnet3d_slowonly import ResNet3dSlowOnly

from mmdeepfake.errors import ConfigError

from ..backbones.initial_weights import check_inflatable, log_start

_FIXED_OPTIONS = ('out_indices', 'with_pool2', 'pretrained2d')


class SnippetResNet3d(ResNet3dSlowOnly):
    """`ResNet3dSlowOnly` that takes 2D ImageNet weights completely or not at all.

    Args:
        depth: 18, 34, 50, 101 or 152.
        kwargs: see MMAction2's `ResNet3dSlowOnly`, of which `out_indices`, `with_pool2`
            and `pretrained2d` keep their defaults; `pretrained` names 2D ImageNet
            weights, which are inflated.
    """

    def __init__(self, depth: int, **kwargs) -> None:
        for option in _FIXED_OPTIONS:
            if option in kwargs:
                raise ConfigError(
                    f'{option} = {kwargs[option]} of {type(self).__name__}: it cannot '
                    'be set; remove it'
                )
        super().__init__(depth=depth, **kwargs)

    def choose_blocks(
        self, option: str, chosen: Sequence[Sequence[int]]
    ) -> Iterator[tuple[str, int]]:
        """Yield (name of the stage, index of the block), checked to exist."""
        sizes = self.stage_blocks
        if len(chosen) != len(sizes) or any(
            index not in range(size)
            for indices, size in zip(chosen, sizes, strict=True)
            for index in indices
        ):
            raise ConfigError(
                f'{option} = {chosen} of {type(self).__name__}: need indices for each '
                f'of {len(sizes)} stages of {sizes} blocks'
            )
        for name, indices in zip(self.res_layers, chosen, strict=True):
            for index in indices:
                yield name, index

    def init_weights(self, pretrained: str | None = None) -> None:
        """Inflate or draw the ResNet's weights."""
        self.pretrained = pretrained or self.pretrained
        if self.pretrained:
            check_inflatable(self)
        super().init_weights()
        log_start(self)

    def train(self, mode: bool = True) -> SnippetResNet3d:
        """Switch the mode and return self, unlike MMAction2's ResNet3d."""
        super().train(mode)
        return self
