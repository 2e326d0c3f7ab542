"""The official folders of datasets, and a user's own, as lists of source videos."""

from ..source_video import SourceVideo
from .faceforensics import (
    CLASSIC_METHODS,
    COMPRESSION_ALIASES,
    DFD_METHOD,
    FaceForensicsLayout,
    list_faceforensics,
    plain_compression,
)
from .identity_split import refuse_shared_identities
from .layout import FRAME_SUFFIXES, VIDEO_SUFFIXES, Layout
from .video_folder import VideoFolderLayout, list_video_folder

# Keyed by what tools/prepare.py is told.
LAYOUTS: dict[str, Layout] = {
    'ffpp': FaceForensicsLayout(),
    'folder': VideoFolderLayout(),
}

__all__ = [
    'CLASSIC_METHODS',
    'COMPRESSION_ALIASES',
    'DFD_METHOD',
    'FRAME_SUFFIXES',
    'LAYOUTS',
    'VIDEO_SUFFIXES',
    'Layout',
    'SourceVideo',
    'list_faceforensics',
    'list_video_folder',
    'plain_compression',
    'refuse_shared_identities',
]
