"""Groups are scored while the next ones are read, in order and in bounded memory."""

from __future__ import annotations

import threading

import pytest
import torch

from mmdeepfake.errors import ConfigError
from mmdeepfake.inference import GroupPrediction
from mmdeepfake.inference.group_batches import GroupBatches

SECONDS = 60  # until a test fails that would hang


class Gate:
    """A predictor that works only while it is open; scores are the groups' values."""

    def __init__(self, failure=None):
        self.open = threading.Event()
        self.started = threading.Event()
        self.threads = []
        self.failure = failure

    def predict(self, inputs):
        self.threads.append(threading.current_thread())
        self.started.set()
        assert self.open.wait(SECONDS)
        if self.failure is not None and any(float(one) == 1 for one in inputs):
            raise self.failure
        return [GroupPrediction(float(one)) for one in inputs]

    def explain(self, inputs):
        return float(inputs) * 10


@pytest.fixture
def start():
    """Make batches, which end with the test."""
    made = []

    def start_batches(predictor, num_groups=1, **options):
        made.append((predictor, GroupBatches(predictor, num_groups, **options)))
        return made[-1][1]

    yield start_batches
    for predictor, batches in made:
        predictor.open.set()
        batches.close()


def score_of(outcome):
    return outcome if isinstance(outcome, Exception) else outcome.fake_score


def add_all(batches, count, received):
    for value in range(count):
        batches.add(
            torch.tensor(value), lambda one, value=value: received.append((value, one))
        )


def test_groups_are_read_while_the_network_works(start):
    gate, received = Gate(), []
    batches = start(gate)
    add_all(batches, 2, received)  # would wait for ever if `add` scored
    assert gate.started.wait(SECONDS)
    assert received == []
    gate.open.set()
    batches.flush()
    assert [(value, one.fake_score) for value, one in received] == [(0, 0), (1, 1)]
    (thread,) = set(gate.threads)
    assert thread is not threading.current_thread()


@pytest.mark.parametrize('num_groups', [1, 3])
def test_scores_arrive_in_order_and_few_groups_are_held(start, num_groups):
    gate, received, held = Gate(), [], []
    gate.open.set()
    batches = start(gate, num_groups)
    for value in range(11):
        batches.add(torch.tensor(value), received.append)
        held.append(value + 1 - len(received))
    batches.settle()
    assert len(received) == 11 // num_groups * num_groups
    batches.flush()
    assert [score_of(one) for one in received] == list(range(11))
    assert max(held) <= 2 * num_groups + num_groups - 1


def test_error_reaches_the_groups_of_its_batch(start):
    failure = RuntimeError('broken')
    gate, received = Gate(failure), []
    gate.open.set()
    batches = start(gate)
    add_all(batches, 3, received)
    batches.flush()
    assert [score_of(one) for _, one in received] == [0, failure, 2]


def test_fault_of_the_settings_ends_the_run(start):
    gate = Gate(ConfigError('lower the batch size'))
    gate.open.set()
    batches = start(gate)
    add_all(batches, 2, [])
    with pytest.raises(ConfigError, match='lower the batch size'):
        batches.flush()


def test_closing_waits_for_the_running_batch_and_drops_the_others(start):
    gate, received = Gate(), []
    batches = start(gate)
    add_all(batches, 2, received)
    assert gate.started.wait(SECONDS)
    closing = threading.Thread(target=batches.close)
    closing.start()
    gate.open.set()
    closing.join(SECONDS)
    assert not closing.is_alive()
    assert received == []
    assert not gate.threads[0].is_alive()


def test_every_group_is_explained_on_request(start):
    gate, received = Gate(), []
    gate.open.set()
    batches = start(gate, explains_all=True)
    add_all(batches, 2, received)
    batches.flush()
    assert [one.heat for _, one in received] == [0, 10]
