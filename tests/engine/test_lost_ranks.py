import pytest
from config_reading import read_config
from mmengine.config import Config

from mmdeepfake.engine import lost_ranks
from mmdeepfake.engine.lost_ranks import LostProcessError, explain_lost_ranks

CONFIG = Config({'env_cfg': {'dist_cfg': {'timeout': 7}}})
# As gloo and NCCL said them under PyTorch 2.
CLOSED = (
    '[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by '
    'peer [127.0.0.1]:1234'
)
WAITED = (
    '[/pytorch/third_party/gloo/gloo/transport/tcp/unbound_buffer.cc:81] Timed out '
    'waiting 7000ms for recv operation to complete'
)
NCCL = 'NCCL communicator was aborted on rank 0. Original reason: watchdog timeout'


@pytest.fixture(autouse=True)
def two_processes(monkeypatch):
    monkeypatch.setattr(lost_ranks, 'is_distributed', lambda: True)
    monkeypatch.setattr(lost_ranks, 'SECONDS_FOR_LAUNCHER', 0)
    monkeypatch.setenv('RANK', '3')


def explain(text, cfg=CONFIG):
    with explain_lost_ranks(cfg, advice='run it again'):
        raise RuntimeError(text)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (CLOSED, '^rank 3 lost the connection .*, run it again$'),
        (WAITED, r'^rank 3 waited 7 s .*env_cfg\.dist_cfg\.timeout'),
        (NCCL, '^rank 3 waited 7 s '),
    ],
)
def test_lost_rank_is_reported_in_one_message(text, message):
    with pytest.raises(LostProcessError, match=message):
        explain(text)


def test_time_is_that_of_the_base_where_the_config_names_none():
    with pytest.raises(LostProcessError, match='waited 600 s'):
        explain(WAITED, Config({}))


def test_time_is_that_of_the_base_config():
    cfg = read_config('_base_/default_runtime.py')
    assert cfg.env_cfg.dist_cfg.timeout == lost_ranks.TIMEOUT_SECONDS


@pytest.mark.parametrize('text', ['size mismatch', 'gloo: no such device', 'Timeout'])
def test_other_errors_are_raised_as_they_are(text):
    with pytest.raises(RuntimeError, match=text) as caught:
        explain(text)
    assert type(caught.value) is RuntimeError


def test_one_process_loses_none(monkeypatch):
    monkeypatch.setattr(lost_ranks, 'is_distributed', lambda: False)
    with pytest.raises(RuntimeError, match='closed by peer') as caught:
        explain(CLOSED)
    assert type(caught.value) is RuntimeError
