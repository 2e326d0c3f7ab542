"""Plain data: what a video is, without any framework."""

from .errors import ConfigError, DataError, DataNotFoundError, InputError, LeakError
from .face_track import FaceTrack
from .video_record import (
    FAILED,
    FAKE,
    LABEL_NAMES,
    NO_FACE,
    OK,
    REAL,
    REAL_METHOD,
    VideoKey,
    VideoRecord,
)

__all__ = [
    'FAILED',
    'FAKE',
    'LABEL_NAMES',
    'NO_FACE',
    'OK',
    'REAL',
    'REAL_METHOD',
    'ConfigError',
    'DataError',
    'DataNotFoundError',
    'FaceTrack',
    'InputError',
    'LeakError',
    'VideoKey',
    'VideoRecord',
]
