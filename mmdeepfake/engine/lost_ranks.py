"""Error messages for lost ranks of a distributed run."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.config import Config

from mmdeepfake.errors import InputError

# The launcher names a dead rank and ends the others within a second. Where it cannot,
# e.g. under Slurm, the others report after this delay.
SECONDS_FOR_LAUNCHER = 5
TIMEOUT_SECONDS = 600  # default_runtime.py's, for a config without a timeout
_CLOSED = (
    r'Connection (closed|reset)|Broken pipe|remote process exited|Connection refused'
)
_TIMED_OUT = r'[Tt]imed out|[Tt]imeout'


class LostProcessError(InputError):
    """Another rank has died or hangs."""


@contextmanager
def explain_lost_ranks(cfg: Config, *, advice: str) -> Iterator[None]:
    """Replace the traceback of a broken connection by a message.

    Args:
        cfg: config of the run, with its timeout.
        advice: how to continue, e.g. 'run the same command again'.

    Raises:
        LostProcessError: another rank has died or did not answer in time.
    """
    try:
        yield
    except RuntimeError as error:
        reason = describe_loss(error, cfg) if is_distributed() else None
        if reason is None:
            raise
        raise LostProcessError(
            f'rank {os.environ.get("RANK", 0)} {reason}; to continue, {advice}'
        ) from error


def is_distributed() -> bool:
    """Return whether this process is one of several."""
    distributed = torch.distributed
    return distributed.is_available() and distributed.is_initialized()


def describe_loss(error: RuntimeError, cfg: Config) -> str | None:
    """Describe the loss of another rank; return None for another error."""
    text = str(error)
    if not re.search('gloo|NCCL|TCPStore|c10d', text, re.IGNORECASE):
        return None
    if re.search(_TIMED_OUT, text):
        settings = (cfg.get('env_cfg') or {}).get('dist_cfg') or {}
        seconds = settings.get('timeout', TIMEOUT_SECONDS)
        return (
            f'waited {seconds} s for another rank, which hangs or is much slower '
            '(raise env_cfg.dist_cfg.timeout if such a wait is expected)'
        )
    if re.search(_CLOSED, text):
        time.sleep(SECONDS_FOR_LAUNCHER)
        return 'lost the connection to another rank, which has died'
    return None
