"""Plain data: what a video is, without any framework."""

from .errors import ConfigError, DataError, DataNotFoundError, InputError
from .video_record import (
    FAKE,
    LABEL_NAMES,
    REAL,
    REAL_METHOD,
    VideoKey,
    VideoRecord,
)

__all__ = [
    'FAKE',
    'LABEL_NAMES',
    'REAL',
    'REAL_METHOD',
    'ConfigError',
    'DataError',
    'DataNotFoundError',
    'InputError',
    'VideoKey',
    'VideoRecord',
]
