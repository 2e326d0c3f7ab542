"""What is said where the processes of a distributed run lose each other."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.config import Config

from mmdeepfake.errors import InputError

# The launcher ends the others within a second of a death and says which one it was.
# Where it cannot, as under Slurm or on another machine, the others speak after these.
SECONDS_FOR_LAUNCHER = 5
TIMEOUT_SECONDS = 600  # of the config's base, for a config that states none
_CUT = r'Connection (closed|reset)|Broken pipe|remote process exited|Connection refused'
_WAITED = r'[Tt]imed out|[Tt]imeout'


class LostProcessError(InputError):
    """Another process of the run has died or hangs."""


@contextmanager
def explain_lost_ranks(cfg: Config, *, advice: str) -> Iterator[None]:
    """Turn the traceback of a broken connection into a message.

    Args:
        cfg: of the run, with the seconds that a process waits for another.
        advice: how to go on, as 'run the same command again'.

    Raises:
        LostProcessError: another process has died or did not answer in time.
    """
    try:
        yield
    except RuntimeError as error:
        reason = describe_loss(error, cfg) if is_distributed() else None
        if reason is None:
            raise
        raise LostProcessError(
            f'process {os.environ.get("RANK", 0)} {reason}; to go on, {advice}'
        ) from error


def is_distributed() -> bool:
    """Whether this process is one of several."""
    distributed = torch.distributed
    return distributed.is_available() and distributed.is_initialized()


def describe_loss(error: RuntimeError, cfg: Config) -> str | None:
    """Say what became of another process; None for an error of another kind."""
    text = str(error)
    if not re.search('gloo|NCCL|TCPStore|c10d', text, re.IGNORECASE):
        return None
    if re.search(_WAITED, text):
        settings = (cfg.get('env_cfg') or {}).get('dist_cfg') or {}
        seconds = settings.get('timeout', TIMEOUT_SECONDS)
        return (
            f'waited {seconds} s for another process, which hangs or is far slower '
            '(env_cfg.dist_cfg.timeout; raise it where so long a wait is meant)'
        )
    if re.search(_CUT, text):
        time.sleep(SECONDS_FOR_LAUNCHER)
        return 'lost the connection to another process, which has died'
    return None
