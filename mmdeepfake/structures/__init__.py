"""Plain data about videos, independent of any framework."""

from .broken_sample import BROKEN_SAMPLES, LEFT_OUT, ON_ERROR, SKIP, STOP, BrokenSample
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
    'BROKEN_SAMPLES',
    'FAILED',
    'FAKE',
    'LABEL_NAMES',
    'LEFT_OUT',
    'NO_FACE',
    'OK',
    'ON_ERROR',
    'REAL',
    'REAL_METHOD',
    'SKIP',
    'STOP',
    'BrokenSample',
    'FaceTrack',
    'VideoKey',
    'VideoRecord',
]
