"""Odd files that people do send: rare but sound videos, and what is no video at all.

`ODD_FILES` names each, how it is made, and what a reader owes: so many frames, or a
refusal. Nothing here is damaged; see `video_mutator` for that.
"""

from __future__ import annotations

import os
import socket
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from .container_fields import list_parts

REFUSED = 'refused'
EITHER = 'either'  # frames or a refusal, as long as nothing else happens
_NUM_FRAMES = 6


@dataclass(frozen=True)
class OddFile:
    """A file and what a reader owes for it.

    Attributes:
        name: of the file in its folder; may lie in sub-folders, may be any bytes.
        make: makes it at a path.
        owed: a number of frames, `REFUSED` or `EITHER`.
        is_rare: whether it takes seconds, or an encoder that decord disturbs.
    """

    name: str
    make: Callable[[Path], None]
    owed: int | str
    is_rare: bool = False


@dataclass(frozen=True)
class _Coding:
    codec: str = 'libx264'
    pix_fmt: str = 'yuv420p'
    size: tuple[int, int] = (64, 48)
    num_frames: int = _NUM_FRAMES
    options: dict[str, str] = field(default_factory=dict)
    container_options: dict[str, str] = field(default_factory=dict)
    pts: Sequence[int] | None = None  # in thousandths of a second
    rotation: int | None = None


def draw_picture(index: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """Draw (H, W, 3) uint8 RGB: a bar that moves over a shade."""
    width, height = size
    picture = np.full((height, width, 3), 90, np.uint8)
    picture[:, index * 3 % width : index * 3 % width + 8] = (200, 60, 30 + index)
    return picture


def _encode(coding: _Coding, path: Path) -> None:
    options = dict(coding.options)
    if coding.codec == 'libx264':
        options = {'preset': 'ultrafast', 'threads': '1', **options}
    with av.open(str(path), 'w', options=coding.container_options) as container:
        _mux_video(container, coding, options)


def _mux_video(container: Any, coding: _Coding, options: dict[str, str]) -> None:
    _mux_pictures(container, _add_pictures(container, coding, options), coding)


def _add_pictures(container: Any, coding: _Coding, options: dict[str, str]) -> Any:
    stream = container.add_stream(coding.codec, rate=25, options=options)
    stream.width, stream.height = coding.size
    stream.pix_fmt = coding.pix_fmt
    stream.codec_context.thread_count = 1
    if coding.rotation is not None:
        stream.set_display_rotation(coding.rotation)
    return stream


def _mux_pictures(container: Any, stream: Any, coding: _Coding) -> None:
    for index in range(coding.num_frames):
        rgb = draw_picture(index, coding.size)
        picture = av.VideoFrame.from_ndarray(rgb, format='rgb24')
        picture.pts = 40 * index if coding.pts is None else coding.pts[index]
        picture.time_base = Fraction(1, 1000)
        container.mux(stream.encode(picture))
    container.mux(stream.encode())


def _coded(**coding: Any) -> Callable[[Path], None]:
    return lambda path: _encode(_Coding(**coding), path)


def _make_plain(path: Path) -> None:
    # The container is told, since odd names end in anything.
    with av.open(str(path.absolute()), 'w', format='mp4') as container:
        _mux_video(container, _Coding(), {'preset': 'ultrafast', 'threads': '1'})


def _add_sound(container: Any) -> None:
    _mux_silence(container, container.add_stream('aac', rate=8000))


def _mux_silence(container: Any, stream: Any) -> None:
    samples = av.AudioFrame.from_ndarray(
        np.zeros((1, 1024), np.float32), format='fltp', layout='mono'
    )
    samples.sample_rate = 8000
    container.mux(stream.encode(samples))
    container.mux(stream.encode())


def _make_sound_only(path: Path) -> None:
    with av.open(str(path), 'w') as container:
        _add_sound(container)


def _make_two_streams(path: Path) -> None:
    """Two pictures side by side: the first stream is the video."""
    with av.open(str(path), 'w') as container:
        codings = [_Coding('mpeg4', size=size) for size in ((64, 48), (32, 32))]
        streams = [_add_pictures(container, coding, {}) for coding in codings]
        for stream, coding in zip(streams, codings, strict=True):
            _mux_pictures(container, stream, coding)


def _make_cover_only(path: Path) -> None:
    """Sound with a picture of its sleeve, which is a video stream of one frame."""
    with av.open(str(path), 'w', format='mp4') as container:
        sound = container.add_stream('aac', rate=8000)
        cover = container.add_stream('mjpeg', rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, 'yuvj420p'
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(draw_picture(0), format='rgb24')
        container.mux(cover.encode(picture.reformat(format='yuvj420p')))
        container.mux(cover.encode())
        _mux_silence(container, sound)


def _make_growing(path: Path) -> None:
    """A stream whose pictures get larger after a few."""
    parts = []
    for number, size in enumerate(((64, 48), (96, 80))):
        part = path.with_name(f'part_{number}.h264')
        _encode(_Coding(size=size), part)
        parts.append(part.read_bytes())
        part.unlink()
    path.write_bytes(b''.join(parts))


def _make_short_edit(path: Path) -> None:
    """An edit list that shows three frames of six: one second is 12800 ticks."""
    _encode(_Coding(options={'bf': '0'}), path)
    content = path.read_bytes()
    (edit,) = [part for part in list_parts(content) if part.name == 'elst']
    at = edit.content + 8
    entry = (120).to_bytes(4, 'big') + (0).to_bytes(4, 'big')  # 120 ms from the start
    path.write_bytes(content[:at] + entry + content[at + 8 :])


def _make_late_edit(path: Path) -> None:
    """An edit list that begins with a second of nothing."""
    _encode(_Coding(pts=[1000 + 40 * i for i in range(_NUM_FRAMES)]), path)


def _written(content: bytes | str) -> Callable[[Path], None]:
    coded = content.encode() if isinstance(content, str) else content
    return lambda path: _write(path, coded)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _make_picture(path: Path) -> None:
    bgr = cv2.cvtColor(draw_picture(0), cv2.COLOR_RGB2BGR)
    path.write_bytes(cv2.imencode(path.suffix, bgr)[1].tobytes())


def _make_zip(path: Path) -> None:
    inside = path.with_name('inside.mp4')
    _make_plain(inside)
    with zipfile.ZipFile(path, 'w') as archive:
        archive.write(inside, 'inside.mp4')
    inside.unlink()


def _make_list(text: str) -> Callable[[Path], None]:
    """A list that names a pipe beside it: whoever opens that waits for ever."""

    def make(path: Path) -> None:
        trap = path.with_name('trap.ts')
        if not trap.exists():
            os.mkfifo(trap)
        path.write_text(text.format(trap=trap, name=trap.name))

    return make


def _make_pipe(path: Path) -> None:
    os.mkfifo(path)


def _make_socket(path: Path) -> None:
    # Names of sockets are short, so it is made from within its folder.
    here = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


def _linked(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def _make_pipe_folder(path: Path) -> None:
    """A folder of numbered pictures, one of which is a pipe."""
    path.mkdir()
    _make_picture(path / '001.png')
    os.mkfifo(path / '002.png')


_HLS = """#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:1
#EXTINF:1.0,
{name}
#EXT-X-ENDLIST
"""
_DASH = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
 profiles="urn:mpeg:dash:profile:isoff-on-demand:2011">
<Period><AdaptationSet><Representation id="1" bandwidth="1">
<BaseURL>{trap}</BaseURL></Representation></AdaptationSet></Period></MPD>
"""
_SDP = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=x
c=IN IP4 127.0.0.1
t=0 0
m=video 5004 RTP/AVP 96
a=rtpmap:96 H264/90000
"""

ODD_VIDEOS = (
    OddFile('one_frame.mp4', _coded(num_frames=1), 1),
    OddFile('1x1.mkv', _coded(codec='ffv1', pix_fmt='bgr0', size=(1, 1)), 6),
    OddFile('2x2.mp4', _coded(size=(2, 2)), 6),
    OddFile('odd_size.mkv', _coded(codec='ffv1', pix_fmt='yuv444p', size=(65, 47)), 6),
    OddFile('narrow.mkv', _coded(codec='ffv1', pix_fmt='yuv420p', size=(8, 2000)), 6),
    OddFile('8k.mp4', _coded(size=(7680, 4320), num_frames=2), 2, is_rare=True),
    OddFile('ten_bit.mp4', _coded(pix_fmt='yuv420p10le'), 6),
    OddFile('444.mp4', _coded(pix_fmt='yuv444p'), 6),
    OddFile('grey.mkv', _coded(codec='ffv1', pix_fmt='gray'), 6),
    OddFile('alpha.webm', _coded(codec='libvpx-vp9', pix_fmt='yuva420p'), 6, True),
    OddFile('alpha.mov', _coded(codec='png', pix_fmt='rgba'), 6),
    OddFile('prores.mov', _coded(codec='prores_ks', pix_fmt='yuva444p10le'), 6),
    OddFile('interlaced.mp4', _coded(options={'x264-params': 'tff=1'}), 6),
    OddFile(
        'interlaced.mpg',
        _coded(codec='mpeg2video', options={'flags': '+ildct+ilme'}),
        6,
    ),
    OddFile('variable.mp4', _coded(pts=[0, 40, 80, 400, 440, 2000]), 6),
    OddFile('short_edit.mp4', _make_short_edit, 3),
    OddFile('late_edit.mp4', _make_late_edit, 6),
    OddFile(
        'negative.mov',
        _coded(
            codec='mpeg4',
            pts=[-120, -80, -40, 0, 40, 80],
            container_options={'avoid_negative_ts': 'disabled'},
        ),
        EITHER,
    ),
    OddFile('same_times.mkv', _coded(codec='ffv1', pts=[0, 0, 0, 40, 40, 40]), EITHER),
    *(
        OddFile(f'turned_{angle}.mp4', _coded(rotation=angle), 6)
        for angle in (90, 180, 270, 45)
    ),
    OddFile('two_streams.mkv', _make_two_streams, 6),
    OddFile('gif.gif', _coded(codec='gif', pix_fmt='rgb8'), 6),
    OddFile('raw.h264', _coded(), 6),
    OddFile('growing.h264', _make_growing, REFUSED),
)
ODD_CONTENT = (
    OddFile('sound.mp4', _make_sound_only, REFUSED),
    OddFile('sound.m4a', _make_sound_only, REFUSED),
    OddFile('cover.mp4', _make_cover_only, REFUSED),
    OddFile('empty.mp4', _written(b''), REFUSED),
    OddFile('one_byte.mp4', _written(b'\0'), REFUSED),
    OddFile('text.mp4', _written('This is no video.\n' * 30), REFUSED),
    OddFile('zeros.mp4', _written(bytes(5000)), REFUSED),
    OddFile('page.mp4', _written('<!DOCTYPE html><html><p>404</p></html>'), REFUSED),
    OddFile('picture.png', _make_picture, EITHER),
    OddFile('picture.jpg', _make_picture, EITHER),
    OddFile('archive.mp4', _make_zip, REFUSED),
    OddFile('hls.m3u8', _make_list(_HLS), REFUSED),
    OddFile('hls.mp4', _make_list(_HLS), REFUSED),
    OddFile('hls_absolute.mp4', _make_list(_HLS.replace('{name}', '{trap}')), REFUSED),
    OddFile('concat.mp4', _make_list("ffconcat version 1.0\nfile '{name}'\n"), REFUSED),
    OddFile('dash.mp4', _make_list(_DASH), REFUSED),
    OddFile('talk.sdp', _written(_SDP), REFUSED),
    OddFile('sdp.mp4', _written(_SDP), REFUSED),
)
ODD_PLACES = (
    OddFile('folder.mp4', lambda path: path.mkdir(), REFUSED),
    OddFile('pipe.mp4', _make_pipe, REFUSED),
    OddFile('socket.mp4', _make_socket, REFUSED),
    OddFile('pictures', _make_pipe_folder, REFUSED),
    OddFile('zero.mp4', _linked('/dev/zero'), REFUSED),
    OddFile('standard_input.mp4', _linked('/dev/stdin'), REFUSED),
    OddFile('status.mp4', _linked('/proc/self/status'), REFUSED),
    OddFile('loop.mp4', _linked('loop.mp4'), REFUSED),
    OddFile('dangling.mp4', _linked('nowhere.mp4'), REFUSED),
)
# Sound videos of six frames, whose names FFmpeg or a shell could take for something
# else. Names that begin with a protocol are given as relative paths.
ODD_NAMES = tuple(
    OddFile(os.fsdecode(name), _make_plain, _NUM_FRAMES)
    for name in (
        b'new\nline.mp4',
        b'quote\'s "and" `ticks`.mp4',
        b'-i.mp4',
        b'-',
        b'back\\slash.mp4',
        b'latin\xe9\xff.mp4',
        b'\xe4\xbd\xa0\xe5\xa5\xbd.mp4',
        b'a%03d.mp4',
        b'a*[b]?.mp4',
        b'concat:a.mp4|b.mp4',
        b'pipe:0',
        b'pipe:',
        b'file:a.mp4',
        b'data:video;base64,AAAA',
        b'http:/127.0.0.1:9/a.mp4',
        b'rtp:/127.0.0.1/a.mp4',
        b'subfile,,start,0,end,0,,:a.mp4',
        b'crypto:a.mp4',
        b'long' + b'x' * 240 + b'.mp4',
        b'no_suffix',
        b'other.txt',
    )
)
ODD_FILES = (*ODD_VIDEOS, *ODD_CONTENT, *ODD_PLACES, *ODD_NAMES)


def make_odd_file(odd: OddFile, folder: Path) -> Path:
    """Make a file in a folder; return its path."""
    path = folder / odd.name
    path.parent.mkdir(parents=True, exist_ok=True)
    odd.make(path)
    return path
