"""Batches of groups, scored in a thread while the caller reads the next ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import torch
from torch import Tensor

from mmdeepfake.errors import ConfigError

from .predictors import GroupPrediction, Predictor

# One is scored, and one waits for its turn: the network is never idle for want of it.
_MAX_SUBMITTED = 2

Receive = Callable[['GroupPrediction | Exception'], None]


class GroupBatches:
    """Score groups in batches of `num_groups`, filled across faces and videos.

    The predictor runs in one thread of its own, a batch at a time. All else runs in the
    caller's: groups receive their scores there, in the order in which they were added.

    Args:
        predictor: scores the batches.
        num_groups: in a batch.
        explains_all: whether every prediction shall have heat maps.
    """

    def __init__(
        self, predictor: Predictor, num_groups: int, *, explains_all: bool = False
    ) -> None:
        self._predictor = predictor
        self._num_groups = num_groups
        self._explains_all = explains_all
        self._waiting: list[tuple[Tensor, Receive]] = []
        self._submitted: deque[tuple[Future, list[Receive]]] = deque()
        # OpenMP's number of threads is set for each thread that computes.
        self._thread = ThreadPoolExecutor(
            1,
            'network',
            initializer=torch.set_num_threads,
            initargs=(torch.get_num_threads(),),
        )

    def add(self, inputs: Tensor, receive: Receive) -> None:
        """Add a group; `receive` is called with its scores, or with an error.

        Raises:
            ConfigError: a batch cannot be scored on this device.
        """
        # Groups of other shapes (pipelines that keep the frame size) cannot share a
        # batch.
        if self._waiting and self._waiting[0][0].shape != inputs.shape:
            self._submit()
        self._waiting.append((inputs, receive))
        if len(self._waiting) == self._num_groups:
            self._submit()

    def settle(self) -> None:
        """Wait for the scores of all full batches; raises as `add`."""
        while self._submitted:
            self._receive_one()

    def flush(self) -> None:
        """Wait for all scores, even if the last batch is not full; raises as `add`."""
        if self._waiting:
            self._submit()
        self.settle()

    def close(self) -> None:
        """Discard the batches without scores, and wait for the running one."""
        self._thread.shutdown(cancel_futures=True)

    def _submit(self) -> None:
        while len(self._submitted) >= _MAX_SUBMITTED:
            self._receive_one()
        waiting, self._waiting = self._waiting, []
        scores = self._thread.submit(self._score, [inputs for inputs, _ in waiting])
        self._submitted.append((scores, [receive for _, receive in waiting]))

    def _receive_one(self) -> None:
        scores, receivers = self._submitted.popleft()
        try:
            outcomes: Sequence[GroupPrediction | Exception] = scores.result()
        except ConfigError:
            raise
        except Exception as error:
            outcomes = [error] * len(receivers)
        for receive, outcome in zip(receivers, outcomes, strict=True):
            receive(outcome)

    def _score(self, inputs: Sequence[Tensor]) -> list[GroupPrediction]:
        """Score a batch, in the thread."""
        predictions = self._predictor.predict(inputs)
        if not self._explains_all:
            return predictions
        return [
            one
            if one.heat is not None
            else replace(one, heat=self._predictor.explain(group))
            for one, group in zip(predictions, inputs, strict=True)
        ]
