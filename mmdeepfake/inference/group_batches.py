"""Batches of snippet groups, filled across faces and videos."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from .predictors import GroupPrediction, Predictor

Receiver = Callable[[GroupPrediction], None]


class GroupBatches:
    """Scores groups as soon as there are enough of them for one pass.

    Args:
        predictor: scores them.
        num_groups: of a full batch.
    """

    def __init__(self, predictor: Predictor, num_groups: int) -> None:
        self._predictor = predictor
        self._num_groups = num_groups
        self._waiting: list[tuple[Tensor, Receiver]] = []

    def add(self, inputs: Tensor, receive: Receiver) -> None:
        """Take a group, and who is to be told its scores."""
        # Groups of other sizes (frames that the pipeline leaves as large as they are)
        # cannot be in one batch.
        if self._waiting and self._waiting[0][0].shape != inputs.shape:
            self.flush()
        self._waiting.append((inputs, receive))
        if len(self._waiting) == self._num_groups:
            self.flush()

    def flush(self) -> None:
        """Score what is waiting, full batch or not."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        predictions = self._predictor.predict([inputs for inputs, _ in waiting])
        for (_, receive), prediction in zip(waiting, predictions, strict=True):
            receive(prediction)
