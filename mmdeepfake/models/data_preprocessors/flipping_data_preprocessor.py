"""Mirror videos on the model's device, as drawn by the pipeline."""

from __future__ import annotations

from collections.abc import Sequence

from mmaction.models.data_preprocessors import ActionDataPreprocessor
from mmaction.structures import ActionDataSample
from torch import Tensor

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS


@MODELS.register_module()
class FlippingDataPreprocessor(ActionDataPreprocessor):
    """`ActionDataPreprocessor` that mirrors whole videos before it normalises them.

    Needs `DrawFlip` in place of `Flip` in the pipeline and `'flip'` among the
    `meta_keys` of `PackActionInputs`. The data worker draws with its seed, so the batch
    equals that of `Flip` bit by bit, without its copy.

    Args:
        kwargs: see MMAction2's `ActionDataPreprocessor`.
    """

    def preprocess(
        self,
        inputs: list[Tensor],
        data_samples: Sequence[ActionDataSample],
        training: bool = False,
    ) -> tuple[Tensor, Sequence[ActionDataSample]]:
        """Mirror, stack and normalise.

        Args:
            inputs: one uint8 tensor a video, columns last: (N, 3, H, W) or
                (S, 3, T, H, W).
            data_samples: their `flip` says which are mirrored; required in training.
            training: as the parent's.

        Returns:
            The parent's batch (B, *shape) and samples.
        """
        drawn = [sample.metainfo.get('flip') for sample in data_samples]
        if training and None in drawn:
            raise ConfigError(
                "FlippingDataPreprocessor: a training sample has no 'flip'; add "
                "DrawFlip to the pipeline and 'flip' to meta_keys of PackActionInputs"
            )
        inputs = [
            video.flip(-1) if is_flipped else video
            for video, is_flipped in zip(inputs, drawn, strict=True)
        ]
        return super().preprocess(inputs, data_samples, training)
