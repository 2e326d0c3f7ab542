from types import SimpleNamespace

import pytest
from mmengine.hooks import EarlyStoppingHook, Hook, IterTimerHook

from mmdeepfake.engine import ForgeryViewHook
from mmdeepfake.engine.hook_states import keep_hook_states, restore_hook_states


class Counting(Hook):
    kept_on_resume = ('count',)
    count = 0


def make_runner(*hooks, stop=False):
    return SimpleNamespace(
        hooks=list(hooks),
        train_loop=SimpleNamespace(stop_training=stop),
        logger=SimpleNamespace(info=lambda text: None),
    )


def test_hooks_that_remember_get_their_state_back():
    patient, counting, views = (
        EarlyStoppingHook('auc'),
        Counting(),
        ForgeryViewHook(interval=3),
    )
    patient.best_score, patient.wait_count = 0.75, 2
    counting.count, views._num_validations = 5, 4
    checkpoint = {}
    keep_hook_states(make_runner(patient, counting, views, IterTimerHook()), checkpoint)
    new = EarlyStoppingHook('auc'), Counting(), ForgeryViewHook(interval=3)
    runner = make_runner(*new)
    restore_hook_states(runner, checkpoint)
    assert (new[0].best_score, new[0].wait_count) == (0.75, 2)
    assert (new[1].count, new[2]._num_validations) == (5, 4)
    assert runner.train_loop.stop_training is False


def test_run_that_was_stopped_stays_so():
    checkpoint = {}
    keep_hook_states(make_runner(stop=True), checkpoint)
    runner = make_runner()
    restore_hook_states(runner, checkpoint)
    assert runner.train_loop.stop_training is True


@pytest.mark.parametrize(
    'states', [{}, {'hooks': {}}, {'hooks': {'Counting': {'_private': 3}}}]
)
def test_state_that_a_hook_does_not_ask_for_is_not_set(states):
    counting = Counting()
    restore_hook_states(make_runner(counting), states)
    assert counting.count == 0
    assert not hasattr(counting, '_private')
