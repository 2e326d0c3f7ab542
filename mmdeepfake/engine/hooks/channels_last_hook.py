"""Weights of convolutions in channels_last, for training."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeepfake.models.inference_folding import order_channels_last_
from mmdeepfake.registry import HOOKS


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Stores the weights of convolutions with channels innermost.

    The maps of a network follow its weights. The function is the same, its sums are
    in another order. EfficientNet-Lite0's depthwise convolutions are faster this way
    on a CPU.
    """

    def before_run(self, runner: Runner) -> None:
        """Convert the model's weights."""
        order_channels_last_(runner.model)
