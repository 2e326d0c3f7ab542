"""Recognise videos by their first bytes, whatever their name.

FFmpeg opens far more than videos, including playlists that name other files of the
server or network addresses. It never sees files that do not begin like a container
below.
"""

from __future__ import annotations

NUM_BYTES = 189  # a second packet of MPEG-TS begins at byte 188
_MP4_BOXES = (b'ftyp', b'moov', b'mdat', b'wide', b'free', b'skip', b'pnot')
_STARTS = (
    b'\x1a\x45\xdf\xa3',  # Matroska, WebM
    b'\x00\x00\x01\xba',  # MPEG program stream
    b'FLV\x01',
    b'OggS',
)


def is_video_start(head: bytes) -> bool:
    """Return whether a file may be a video, by its first `NUM_BYTES` bytes."""
    if head[4:8] in _MP4_BOXES or head.startswith(_STARTS):
        return True
    if head[:4] == b'RIFF' and head[8:12] == b'AVI ':
        return True
    return head[:1] == b'G' and head[188:189] == b'G'  # MPEG transport stream
