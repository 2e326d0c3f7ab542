"""Where the numbers of a video container stand in its bytes, found without FFmpeg.

Three walkers, of MP4 boxes, AVI chunks and Matroska elements, each written from the
format's specification with plain `struct`. They give two things to a mutator: fields
(a number, where it lies) and parts (a box, chunk or element with its borders).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

_MAX_ENTRIES = 40  # of one table; more would only drown the other fields
_MAX_DEPTH = 12


@dataclass(frozen=True)
class Field:
    """A number in a file.

    Attributes:
        name: what it is, as 'mvhd.duration'.
        offset: of its first byte.
        width: in bytes.
        order: 'big' or 'little'.
    """

    name: str
    offset: int
    width: int
    order: str = 'big'


@dataclass(frozen=True)
class Part:
    """A piece of a file that has a kind and a size of its own.

    Attributes:
        name: its kind.
        start: offset of its head.
        content: offset of what follows its head.
        end: offset of the byte after it.
        kind: field of its kind.
        size: field of its size.
    """

    name: str
    start: int
    content: int
    end: int
    kind: Field
    size: Field


# MP4: content offset and width of the numbers of a box (ISO/IEC 14496-12, version 0).
_MP4_FIELDS = {
    'ftyp': (('brand', 0, 4),),
    'mvhd': (
        ('version', 0, 1),
        ('timescale', 12, 4),
        ('duration', 16, 4),
        ('rate', 20, 4),
    ),
    'tkhd': (
        ('flags', 1, 3),
        ('track', 12, 4),
        ('duration', 20, 4),
        *((f'matrix{i}', 40 + 4 * i, 4) for i in range(9)),
        ('width', 76, 4),
        ('height', 80, 4),
    ),
    'mdhd': (('version', 0, 1), ('timescale', 12, 4), ('duration', 16, 4)),
    'hdlr': (('handler', 8, 4),),
    'stsd': (('count', 4, 4),),
    'stsz': (('sample_size', 4, 4), ('count', 8, 4)),
    'stts': (('count', 4, 4),),
    'ctts': (('version', 0, 1), ('count', 4, 4)),
    'stsc': (('count', 4, 4),),
    'stco': (('count', 4, 4),),
    'co64': (('count', 4, 4),),
    'stss': (('count', 4, 4),),
    'elst': (('version', 0, 1), ('count', 4, 4)),
    'trex': (('track', 4, 4), ('duration', 12, 4), ('size', 16, 4), ('flags', 20, 4)),
    'tfhd': (('flags', 1, 3), ('track', 4, 4)),
    'trun': (('flags', 1, 3), ('count', 4, 4), ('offset', 8, 4)),
}
# Where the entries of a table begin, how long one is, and how its numbers are called.
_MP4_TABLES = {
    'stsz': (12, 4, ('size',)),
    'stts': (8, 8, ('frames', 'delta')),
    'ctts': (8, 8, ('frames', 'offset')),
    'stsc': (8, 12, ('chunk', 'frames', 'entry')),
    'stco': (8, 4, ('offset',)),
    'co64': (8, 8, ('offset',)),
    'stss': (8, 4, ('frame',)),
    'elst': (8, 12, ('duration', 'start', 'rate')),
    'trun': (12, 4, ('value',)),
}
_MP4_PICTURES = ('avc1', 'hev1', 'hvc1', 'mp4v', 'jpeg', 'vp09', 'av01', 'png ', 'apcn')
_PICTURE_FIELDS = (('width', 24, 2), ('height', 26, 2), ('depth', 74, 2))
# What lies in front of the boxes inside of a box.
_MP4_NESTED = {
    **dict.fromkeys(
        ('moov', 'trak', 'mdia', 'minf', 'stbl', 'edts', 'mvex', 'moof', 'traf'), 0
    ),
    'stsd': 8,
    **dict.fromkeys(_MP4_PICTURES, 78),
}


def walk_mp4(
    content: bytes, start: int = 0, end: int | None = None, depth: int = 0
) -> Iterator[Part]:
    """Yield every box, each before those inside it."""
    end = len(content) if end is None else end
    while start + 8 <= end and depth < _MAX_DEPTH:
        size, head = int.from_bytes(content[start : start + 4], 'big'), 8
        size_field = Field('size', start, 4)
        if size == 1:
            size = int.from_bytes(content[start + 8 : start + 16], 'big')
            head, size_field = 16, Field('size', start + 8, 8)
        if size < head or start + size > end:
            return
        name = content[start + 4 : start + 8].decode('latin-1')
        stop = start + size
        yield Part(
            name, start, start + head, stop, Field('kind', start + 4, 4), size_field
        )
        if name in _MP4_NESTED:
            inside = start + head + _MP4_NESTED[name]
            yield from walk_mp4(content, inside, stop, depth + 1)
        start = stop


def _mp4_fields(content: bytes, part: Part) -> Iterator[Field]:
    fields = _MP4_FIELDS.get(part.name, ())
    if part.name in _MP4_PICTURES:
        fields = _PICTURE_FIELDS
    for name, offset, width in fields:
        yield Field(f'{part.name}.{name}', part.content + offset, width)
    if part.name in _MP4_TABLES:
        first, step, names = _MP4_TABLES[part.name]
        width = step // len(names)
        entries = range(part.content + first, part.end - step + 1, step)
        for entry in entries[:_MAX_ENTRIES]:
            for place, name in enumerate(names):
                yield Field(f'{part.name}[].{name}', entry + place * width, width)
    if part.name == 'avcC':
        for offset in range(part.content, min(part.end, part.content + 32)):
            yield Field(f'avcC.byte{offset - part.content}', offset, 1)


_AVI_FIELDS = {
    'avih': tuple(
        (name, 4 * i, 4)
        for i, name in enumerate(
            (
                'frame_us',
                'bytes_per_second',
                'padding',
                'flags',
                'frames',
                'first',
                'streams',
                'buffer',
                'width',
                'height',
            )
        )
    ),
    'strh': (
        ('kind', 0, 4),
        ('codec', 4, 4),
        ('first', 16, 4),
        ('scale', 20, 4),
        ('rate', 24, 4),
        ('start', 28, 4),
        ('length', 32, 4),
        ('sample_size', 44, 4),
    ),
    'strf': (
        ('size', 0, 4),
        ('width', 4, 4),
        ('height', 8, 4),
        ('depth', 14, 2),
        ('codec', 16, 4),
    ),
}


def walk_avi(
    content: bytes, start: int = 0, end: int | None = None, depth: int = 0
) -> Iterator[Part]:
    """Yield every chunk and list, each before those inside it."""
    end = len(content) if end is None else end
    while start + 8 <= end and depth < _MAX_DEPTH:
        name = content[start : start + 4].decode('latin-1')
        size = int.from_bytes(content[start + 4 : start + 8], 'little')
        stop = start + 8 + size
        if stop > end:
            return
        yield Part(
            name,
            start,
            start + 8,
            stop,
            Field('kind', start, 4),
            Field('size', start + 4, 4, 'little'),
        )
        if name in ('RIFF', 'LIST'):
            yield from walk_avi(content, start + 12, stop, depth + 1)
        start = stop + size % 2


def _avi_fields(content: bytes, part: Part) -> Iterator[Field]:
    for name, offset, width in _AVI_FIELDS.get(part.name, ()):
        order = 'big' if name in ('kind', 'codec') else 'little'
        yield Field(f'{part.name}.{name}', part.content + offset, width, order)
    if part.name == 'idx1':
        for entry in range(part.content, part.end - 15, 16)[:_MAX_ENTRIES]:
            for place, name in enumerate(('kind', 'flags', 'offset', 'size')):
                yield Field(f'idx1[].{name}', entry + 4 * place, 4, 'little')


# Matroska: elements by their id (RFC 9559); those with others inside, and plain ones.
_MKV_NESTED = {
    0x1A45DFA3: 'EBML',
    0x18538067: 'Segment',
    0x1549A966: 'Info',
    0x1654AE6B: 'Tracks',
    0xAE: 'TrackEntry',
    0xE0: 'Video',
    0x1F43B675: 'Cluster',
    0x1C53BB6B: 'Cues',
    0xBB: 'CuePoint',
    0xB7: 'CueTrackPositions',
    0x114D9B74: 'SeekHead',
    0xA0: 'BlockGroup',
}
_MKV_PLAIN = {
    0x2AD7B1: 'TimestampScale',
    0x4489: 'Duration',
    0xD7: 'TrackNumber',
    0x83: 'TrackType',
    0x86: 'CodecID',
    0x63A2: 'CodecPrivate',
    0x23E383: 'DefaultDuration',
    0xB0: 'PixelWidth',
    0xBA: 'PixelHeight',
    0x54B0: 'DisplayWidth',
    0xE7: 'Timestamp',
    0xA3: 'SimpleBlock',
    0xB3: 'CueTime',
    0xF1: 'CueClusterPosition',
    0x4282: 'DocType',
}


def _read_vint(content: bytes, offset: int, *, keep_marker: bool) -> tuple[int, int]:
    """Read a number of variable length; return it and its width, 0 where it is none."""
    first = content[offset] if offset < len(content) else 0
    width = 9 - first.bit_length()
    if not first or offset + width > len(content):
        return 0, 0
    value = int.from_bytes(content[offset : offset + width], 'big')
    return (value if keep_marker else value & ((1 << 7 * width) - 1)), width


def walk_mkv(
    content: bytes, start: int = 0, end: int | None = None, depth: int = 0
) -> Iterator[Part]:
    """Yield every element, each before those inside it."""
    end = len(content) if end is None else end
    while start < end and depth < _MAX_DEPTH:
        number, id_width = _read_vint(content, start, keep_marker=True)
        size, size_width = _read_vint(content, start + id_width, keep_marker=False)
        if not id_width or not size_width:
            return
        inside = start + id_width + size_width
        is_open = size == (1 << 7 * size_width) - 1  # a live stream's unknown size
        stop = end if is_open else inside + size
        if stop > end:
            return
        name = _MKV_NESTED.get(number) or _MKV_PLAIN.get(number, f'{number:X}')
        yield Part(
            name,
            start,
            inside,
            stop,
            Field('kind', start, id_width),
            Field('size', start + id_width, size_width),
        )
        if number in _MKV_NESTED:
            yield from walk_mkv(content, inside, stop, depth + 1)
        start = stop


def _mkv_fields(content: bytes, part: Part) -> Iterator[Field]:
    if part.name not in _MKV_PLAIN.values():
        return
    width = min(part.end - part.content, 8)
    if part.name == 'SimpleBlock':  # track, time in the cluster, flags
        yield Field('SimpleBlock.track', part.content, 1)
        yield Field('SimpleBlock.time', part.content + 1, 2)
        yield Field('SimpleBlock.flags', part.content + 3, 1)
    elif width:
        yield Field(part.name, part.content, width)


_Walker = Callable[[bytes], Iterator[Part]]
_FieldLister = Callable[[bytes, Part], Iterator[Field]]
_WALKERS: dict[str, tuple[_Walker, _FieldLister]] = {
    'mp4': (walk_mp4, _mp4_fields),
    'avi': (walk_avi, _avi_fields),
    'mkv': (walk_mkv, _mkv_fields),
}
_MEDIA = ('mdat', 'movi', 'Cluster')


def name_container(content: bytes) -> str:
    """Return the family of a container by its first bytes; '' for another one."""
    if content[:4] == b'\x1a\x45\xdf\xa3':
        return 'mkv'
    if content[:4] == b'RIFF':
        return 'avi'
    return 'mp4' if content[4:8] in (b'ftyp', b'moov', b'mdat', b'wide') else ''


def list_parts(content: bytes) -> list[Part]:
    """List the boxes, chunks or elements of a file; none of an unknown one."""
    family = name_container(content)
    return list(_WALKERS[family][0](content)) if family else []


def list_fields(content: bytes) -> list[Field]:
    """List the known numbers of a file, all of them inside it."""
    family = name_container(content)
    if not family:
        return []
    walk, fields_of = _WALKERS[family]
    return [
        field
        for part in walk(content)
        for field in fields_of(content, part)
        if field.offset + field.width <= len(content)
    ]


def media_borders(content: bytes) -> tuple[int, int]:
    """Where the coded pictures lie: offsets of the first byte and of the one after."""
    media = [
        part
        for part in list_parts(content)
        if part.name in _MEDIA
        or (part.name == 'LIST' and content[part.content : part.content + 4] == b'movi')
    ]
    if not media:
        return len(content) // 4, len(content)
    return media[0].content, media[-1].end
