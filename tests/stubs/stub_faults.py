"""A step of a pipeline that goes wrong at one video, in a way of one's choice."""

from __future__ import annotations

import errno
import os
import signal
import time

from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from mmdeepfake.errors import ConfigError, DataError


def _raise(error: BaseException) -> None:
    raise error


FAULTS = {
    'damage': lambda: _raise(DataError('cannot decode it')),
    'disk_error': lambda: _raise(OSError(errno.EIO, 'Input/output error')),
    'disk_full': lambda: _raise(OSError(errno.ENOSPC, 'No space left on device')),
    'type_error': lambda: _raise(TypeError('a mistake in a transform')),
    'no_memory': lambda: _raise(MemoryError('no memory left')),
    'wrong_config': lambda: _raise(ConfigError('wrong setting')),
    'kill': lambda: os.kill(os.getpid(), signal.SIGKILL),
    'crash': lambda: os.kill(os.getpid(), signal.SIGSEGV),
    'hang': lambda: time.sleep(600),
}


@TRANSFORMS.register_module()
class StubFault(BaseTransform):
    """Goes wrong at the videos of one name.

    Args:
        name: of the video; None for none.
        fault: one of FAULTS.
    """

    def __init__(self, name: str | None = None, fault: str = 'damage') -> None:
        self.name, self.fault = name, fault

    def transform(self, results: dict) -> dict:
        if results['video_name'] == self.name and results['label']:
            FAULTS[self.fault]()
        return results
