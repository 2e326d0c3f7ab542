"""Plain data: what a video is, without any framework."""

from .video_record import (
    FAKE,
    LABEL_NAMES,
    REAL,
    REAL_METHOD,
    VideoKey,
    VideoRecord,
)

__all__ = ['FAKE', 'LABEL_NAMES', 'REAL', 'REAL_METHOD', 'VideoKey', 'VideoRecord']
