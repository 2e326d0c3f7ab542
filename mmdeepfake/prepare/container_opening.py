"""Opens a path as a video file and as nothing else.

FFmpeg takes much more than files for its input: names such as 'pipe:0' or
'http://...', playlists that name other files, patterns of picture names, devices. From
a stranger's file, or a stranger's name for one, none of that may be followed.
"""

from __future__ import annotations

import os
from pathlib import Path

import av
from av.container import InputContainer

from mmdeepfake.structures import DataError, DataNotFoundError

# FFmpeg's names of containers, raw streams and single pictures whose frames lie in the
# file itself. What is not named here is not even looked into: lists of files (hls,
# concat, dash, imf), the network (rtsp, sdp) and devices among them.
_FORMATS = (
    'mov,matroska,webm,avi,flv,live_flv,asf,mpeg,mpegts,mpegvideo,ogg,mxf,gxf,nut,wtv,'
    'rm,dv,swf,ivf,obu,av1,h261,h263,h264,hevc,vvc,m4v,vc1,dirac,cavsvideo,mjpeg,'
    'smjpeg,yuv4mpegpipe,gif,apng,aac,ac3,aiff,flac,mp3,wav,'
    'png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,tiff_pipe,gif_pipe,j2k_pipe'
)
# 'ignore': titles and the like may be in any encoding.
_METADATA_ERRORS = 'ignore'


def check_video_file(path: Path) -> int:
    """See that there is a file with something in it, and give its number of bytes.

    Raises:
        DataNotFoundError: there is no such file.
        DataError: it is empty, or no plain file but a pipe, a device or a folder.
    """
    name = f'video file {str(path)!r}'
    if not path.is_file():
        # Opening a pipe would wait for someone to write into it, maybe for ever.
        if path.exists():
            raise DataError(f'{name} is no plain file but a folder, pipe or device')
        raise DataNotFoundError(f'no {name}')
    num_bytes = path.stat().st_size
    if num_bytes == 0:
        raise DataError(f'{name} is empty (0 bytes)')
    return num_bytes


def open_container(path: str | os.PathLike[str]) -> InputContainer:
    """Open a file with PyAV; nothing but this file is read.

    Raises:
        av.FFmpegError, OSError: it cannot be opened.
        DataError: its format is not read here.
    """
    try:
        return av.open(
            # From the root on, since FFmpeg takes 'http:...' for an address.
            os.path.abspath(path),
            metadata_errors=_METADATA_ERRORS,
            container_options={
                'format_whitelist': _FORMATS,
                'protocol_whitelist': 'file',
            },
        )
    except av.ArgumentError as error:
        raise DataError(
            f'video file {os.fspath(path)!r} holds no pictures but a list of other '
            f'files, or is of another format that is not read here ({error.strerror})'
        ) from error
