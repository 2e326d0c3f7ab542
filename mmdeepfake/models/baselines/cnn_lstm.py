"""CNN + LSTM: an LSTM over the pooled features of frames.

A reconstruction. RATF's tables name the row "LSTM" after S. J. Sohrawardi et al.,
"Poster: Towards Robust Open-World Detection of Deepfakes", CCS 2019,
https://doi.org/10.1145/3319535.3363269, without describing the network. The closest
published form is D. Guera and E. J. Delp, AVSS 2018,
https://doi.org/10.1109/AVSS.2018.8639163: an ImageNet Inception-v3, an LSTM of width
2048, dropout 0.5. Our choices: ResNet-50, trained with the LSTM; width 512; the last
state; 16 frames.
"""

from __future__ import annotations

from mmaction.models.heads import BaseHead
from mmengine.model.weight_init import normal_init
from torch import Tensor, nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS


def split_sequences(x: Tensor, num_segs: int, length: int, *, owner: str) -> Tensor:
    """Pool frames, (B*F, C, h, w), and fold them to (B*n, length, C), F = num_segs."""
    if num_segs % length:
        raise ConfigError(
            f'{owner} got {num_segs} frames a video, not a multiple of sequence_len = '
            f'{length}: change model.cls_head.sequence_len, or num_snippets and '
            'clip_len of SampleSnippets'
        )
    return x.mean(dim=(2, 3)).unflatten(0, (-1, length))


@MODELS.register_module()
class CNNLSTMHead(BaseHead):
    """Pool each frame, run an LSTM over L frames, classify its last state.

    For `SnippetRecognizer` and `Recognizer2D`. A video of n * L frames makes n
    sequences of consecutive frames, whose logits are averaged.

    Args:
        num_classes: 2 here: real, fake.
        in_channels: C of the backbone's map.
        hidden_channels: width of the LSTM.
        num_layers: layers of the LSTM.
        sequence_len: L; None makes one sequence of all frames.
        dropout_ratio: of that state.
        init_std: of the last layer's initial weights.
        kwargs: see MMAction2's `BaseHead` (`topk`, `average_clips`, `loss_cls`, ...).
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        *,
        hidden_channels: int = 512,
        num_layers: int = 1,
        sequence_len: int | None = None,
        dropout_ratio: float = 0.5,
        init_std: float = 0.01,
        **kwargs,
    ) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        self.sequence_len = sequence_len
        self.init_std = init_std
        self.lstm = nn.LSTM(
            in_channels, hidden_channels, num_layers=num_layers, batch_first=True
        )
        self.dropout = nn.Dropout(dropout_ratio)
        self.fc_cls = nn.Linear(hidden_channels, num_classes)

    def init_weights(self) -> None:
        """Draw the last layer; the LSTM keeps PyTorch's defaults."""
        normal_init(self.fc_cls, std=self.init_std)

    def forward(self, x: Tensor, num_segs: int, **kwargs) -> Tensor:
        """Classify videos.

        Args:
            x: (B*F, C, h, w), the F frames of a video next to each other, in order.
            num_segs: F, a multiple of L.
            kwargs: unused; recognizers pass more.

        Returns:
            (B, num_classes) logits.
        """
        length = self.sequence_len or num_segs
        states, _ = self.lstm(split_sequences(x, num_segs, length, owner='CNNLSTMHead'))
        logits = self.fc_cls(self.dropout(states[:, -1]))
        return logits.unflatten(0, (-1, num_segs // length)).mean(dim=1)
