"""Broken videos: number n of seed s is always the same bytes, if the sources are.

Half of the kinds of damage know nothing of containers (flipped bits, files that break
off, chunks that move); half of them edit what a container says of itself: sizes, rates,
durations, counts, tables, codec tags, rotation, edit lists.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .container_fields import Field, Part, list_fields, list_parts, media_borders

_MAX_CHUNK_BYTES = 2000


@dataclass(frozen=True)
class Source:
    """A sound video to be broken.

    Attributes:
        name: of it, as 'miniff_h264'.
        suffix: of its file.
        content: its bytes.
    """

    name: str
    suffix: str
    content: bytes


@dataclass(frozen=True)
class Case:
    """A broken video.

    Attributes:
        number: of the case.
        source: name of the video that it was made from.
        kind: of damage, a key of `MUTATIONS`.
        detail: what was done, for whoever looks into it.
        suffix: of its file.
        content: its bytes.
    """

    number: int
    source: str
    kind: str
    detail: str
    suffix: str
    content: bytes


Mutation = Callable[[bytes, random.Random], tuple[bytes, str]]


def _flip_bits(
    content: bytes, rng: random.Random, low: int, high: int
) -> tuple[bytes, str]:
    broken = bytearray(content)
    count = rng.choice((1, 1, 2, 4, 16, 64))
    places = [rng.randrange(low, max(low + 1, high)) for _ in range(count)]
    for place in places:
        broken[place] ^= 1 << rng.randrange(8)
    return bytes(broken), f'{count} bits from byte {min(places)} on'


def _flip_header_bits(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    low, high = media_borders(content)
    # Headers are in front of the pictures or behind them.
    if len(content) - high > low:
        return _flip_bits(content, rng, high, len(content))
    return _flip_bits(content, rng, 0, low)


def _flip_media_bits(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    return _flip_bits(content, rng, *media_borders(content))


def _truncate(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    end = rng.randrange(1, len(content))
    return content[:end], f'{end} of {len(content)} bytes'


def _cut_start(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    start = rng.randrange(1, len(content))
    return content[start:], f'from byte {start} of {len(content)}'


def _chunk(content: bytes, rng: random.Random) -> tuple[int, int]:
    length = min(rng.randrange(1, _MAX_CHUNK_BYTES), len(content) // 3)
    start = rng.randrange(len(content) - length)
    return start, start + length


def _swap_chunks(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    (a, b), (c, d) = sorted((_chunk(content, rng), _chunk(content, rng)))
    c = max(b, c)
    d = max(c, d)
    swapped = content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]
    return swapped, f'{a}:{b} with {c}:{d}'


def _repeat_chunk(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    low, high = _chunk(content, rng)
    times = rng.choice((2, 2, 3, 10))
    repeated = content[:low] + content[low:high] * times + content[high:]
    return repeated, f'{low}:{high} {times} times'


def _delete_chunk(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    low, high = _chunk(content, rng)
    return content[:low] + content[high:], f'{low}:{high}'


def _zero_chunk(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    low, high = _chunk(content, rng)
    return content[:low] + bytes(high - low) + content[high:], f'{low}:{high}'


def _noise_chunk(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    low, high = _chunk(content, rng)
    noise = rng.randbytes(high - low)
    return content[:low] + noise + content[high:], f'{low}:{high}'


def _insert_noise(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    place, noise = rng.randrange(len(content)), rng.randbytes(rng.randrange(1, 600))
    return content[:place] + noise + content[place:], f'{len(noise)} at {place}'


def _read(content: bytes, field: Field) -> int:
    return int.from_bytes(
        content[field.offset : field.offset + field.width], field.order
    )


def _write(content: bytes, field: Field, value: int) -> bytes:
    value %= 1 << 8 * field.width
    end = field.offset + field.width
    coded = value.to_bytes(field.width, field.order)
    return content[: field.offset] + coded + content[end:]


def _new_value(old: int, width: int, rng: random.Random) -> int:
    bits = 8 * width
    return rng.choice(
        (
            0,
            1,
            2,
            (1 << bits) - 1,
            1 << (bits - 1),
            (1 << (bits - 1)) - 1,
            old + 1,
            old - 1,
            old * 2,
            old // 2,
            old + 1000,
            old << 16,
            -old,
            rng.getrandbits(bits),
            rng.randrange(1 << min(bits, 14)),
        )
    )


def _edit_fields(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    """Change one to four numbers, kinds of number being equally likely."""
    by_name: dict[str, list[Field]] = {}
    for field in list_fields(content):
        by_name.setdefault(field.name, []).append(field)
    return _edit(content, rng, by_name, rng.choice((1, 1, 2, 4)))


def _edit(
    content: bytes, rng: random.Random, by_name: dict[str, list[Field]], count: int
) -> tuple[bytes, str]:
    edits = []
    for _ in range(count if by_name else 0):
        field = rng.choice(by_name[rng.choice(sorted(by_name))])
        old = _read(content, field)
        content = _write(content, field, _new_value(old, field.width, rng))
        edits.append(f'{field.name} {old} -> {_read(content, field)}')
    return content, ', '.join(edits)


def _edit_counts(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    """Change how many frames, entries or seconds there are said to be."""
    told = ('count', 'frames', 'duration', 'length', 'Duration', 'timescale', 'delta')
    by_name: dict[str, list[Field]] = {}
    for field in list_fields(content):
        if field.name.rpartition('.')[2] in told:
            by_name.setdefault(field.name, []).append(field)
    return _edit(content, rng, by_name, 1)


def _edit_dimensions(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    """Claim another frame size, up to what a header can say."""
    sides = [f for f in list_fields(content) if f.name.lower().endswith(('dth', 'ght'))]
    value = rng.choice((0, 1, 3, 97, 4096, 16384, 32768, 65535))
    for field in sides:
        content = _write(content, field, value << (16 if 'tkhd' in field.name else 0))
    return content, f'{len(sides)} sides of {value}'


def _pick_part(content: bytes, rng: random.Random) -> Part | None:
    parts = list_parts(content)
    names = sorted({part.name for part in parts})
    if not names:
        return None
    name = rng.choice(names)
    return rng.choice([part for part in parts if part.name == name])


def _resize_part(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    part = _pick_part(content, rng)
    if part is None:
        return content, ''
    old = _read(content, part.size)
    content = _write(content, part.size, _new_value(old, part.size.width, rng))
    return content, f'{part.name} at {part.start}: {old} -> {_read(content, part.size)}'


def _rename_part(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    part = _pick_part(content, rng)
    if part is None:
        return content, ''
    others = [p for p in list_parts(content) if p.kind.width == part.kind.width]
    value = rng.choice((_read(content, rng.choice(others).kind), rng.getrandbits(32)))
    return _write(content, part.kind, value), f'{part.name} at {part.start}: {value:x}'


def _delete_part(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    part = _pick_part(content, rng)
    if part is None:
        return content, ''
    return content[: part.start] + content[part.end :], f'{part.name} at {part.start}'


def _repeat_part(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    part = _pick_part(content, rng)
    if part is None:
        return content, ''
    times = rng.choice((1, 1, 5))
    again = content[part.start : part.end] * times
    return content[: part.end] + again + content[part.end :], f'{part.name} +{times}'


MUTATIONS: dict[str, Mutation] = {
    'flip_header_bits': _flip_header_bits,
    'flip_media_bits': _flip_media_bits,
    'truncate': _truncate,
    'cut_start': _cut_start,
    'swap_chunks': _swap_chunks,
    'repeat_chunk': _repeat_chunk,
    'delete_chunk': _delete_chunk,
    'zero_chunk': _zero_chunk,
    'noise_chunk': _noise_chunk,
    'insert_noise': _insert_noise,
    'edit_fields': _edit_fields,
    'edit_counts': _edit_counts,
    'edit_dimensions': _edit_dimensions,
    'resize_part': _resize_part,
    'rename_part': _rename_part,
    'delete_part': _delete_part,
    'repeat_part': _repeat_part,
}


def make_case(number: int, seed: int, sources: Sequence[Source]) -> Case:
    """Make broken video `number` of a seed; sources and kinds take turns.

    Where a kind of damage finds nothing to change, bits are flipped instead.
    """
    rng = random.Random(f'{seed}/{number}')
    source = sources[number % len(sources)]
    kinds = list(MUTATIONS)
    kind = kinds[number // len(sources) % len(kinds)]
    content, detail = MUTATIONS[kind](source.content, rng)
    if content == source.content or not content:
        kind = 'flip_header_bits'
        content, detail = _flip_header_bits(source.content, rng)
    return Case(number, source.name, kind, detail, source.suffix, content)
