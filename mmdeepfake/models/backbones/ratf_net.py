"""RATFNet: a ResNet with RATFs in its blocks, Sec. 3.2 of the paper (see `ratf`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from .ratf import RATF
from .temporal_resnet import TemporalResNet


def ratf_maker(
    clip_len: int, ratf_cfg: dict | None, *, owner: str
) -> Callable[[int], RATF]:
    """Return what makes the RATF of a number of channels.

    Args:
        clip_len: T, of the backbone.
        ratf_cfg: options of `RATF` other than its channels and `clip_len`.
        owner: the backbone's class, for the message.
    """
    ratf_cfg = dict(ratf_cfg or {})
    if ratf_cfg.pop('clip_len', clip_len) != clip_len:
        raise ConfigError(
            f'clip_len = {clip_len} of {owner} contradicts its ratf_cfg: give it once, '
            f'to {owner}'
        )
    return partial(RATF, clip_len=clip_len, **ratf_cfg)


@MODELS.register_module()
class RATFNet(TemporalResNet):
    """ResNet with a RATF before the first 3x3 convolution of its blocks.

    RATFNet-50 has 29,542,640 parameters. With `ratf_cfg=dict(init='identity')` it
    equals ResNet-50 on the same weights.

    Args:
        depth: 18, 34, 50, 101 or 152.
        clip_len: frames of a snippet, T in the paper; the sampler's must agree.
        ratf_cfg: options of `RATF` other than its channels and `clip_len`.
        ratf_stages: whether each stage's blocks get a RATF (Table 4c).
        pretrained: ImageNet weights with torchvision's key names, a path or URL.
        kwargs: see MMAction2's `ResNet`.
    """

    def __init__(
        self,
        depth: int,
        *,
        clip_len: int,
        ratf_cfg: dict | None = None,
        ratf_stages: Sequence[bool] = (True, True, True, True),
        pretrained: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            depth,
            clip_len=clip_len,
            make_temporal_module=ratf_maker(clip_len, ratf_cfg, owner='RATFNet'),
            temporal_stages=ratf_stages,
            pretrained=pretrained,
            **kwargs,
        )
