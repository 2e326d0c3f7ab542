"""Visitors of the page who dawdle, break off, lie of lengths, or do not listen."""

from __future__ import annotations

import http.client
import itertools
import os
import select
import socket
import struct
import time
from contextlib import ExitStack, suppress

from webapp_builders import make_head, read_answer

VIDEO_START = b'\x00\x00\x00\x18ftypmp42'
RESET_ON_CLOSE = struct.pack('ii', 1, 0)


def hang_up_with_reset(line):
    """Close a connection as a machine does that was switched off."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    line.close()


def dawdle(visitor, contents, *, most_seconds):
    """Send several contents side by side, a byte a second each, until all are ended.

    Args:
        visitor: of the server.
        contents: pairs: what is sent at once, and what then dawdles; spaces follow.
        most_seconds: until the server has ended all of them.

    Returns:
        For each, its seconds and the status of the answer, None where the server hung
        up without one.
    """
    start = time.monotonic()
    ended = {}
    with ExitStack() as stack:
        lines = [stack.enter_context(visitor.dial(first)) for first, _ in contents]
        for place in itertools.count():
            seconds = time.monotonic() - start
            going = [number for number in range(len(lines)) if number not in ended]
            if not going:
                break
            assert seconds < most_seconds, f'{len(going)} still go on'
            for number in going:
                line, rest = lines[number], contents[number][1]
                if select.select([line], [], [], 0)[0]:
                    ended[number] = (seconds, _read_status(line))
                    continue
                with suppress(OSError):
                    line.sendall(rest[place : place + 1] or b' ')
            time.sleep(1)
    return [ended[number] for number in range(len(lines))]


def _read_status(line):
    try:
        return read_answer(line)[0]
    except (OSError, http.client.HTTPException):
        return None


def break_off(visitor, content, chance):
    """Send a part of an upload and hang up, one way or the other.

    Returns:
        The status of the reservation.
    """
    status, job = visitor.reserve()
    if status != 201:
        return status
    head = make_head('PUT', f'/api/jobs/{job["id"]}/video', len(content))
    sent = (head + content)[: chance.randrange(len(head) + len(content))]
    line = visitor.dial(sent)
    if chance.random() < 0.5:
        hang_up_with_reset(line)
    else:
        line.close()
    return status


def lie_of_length(visitor, job_id, lie, content):
    """Send an upload whose length is not what its head says.

    Args:
        visitor: of the server.
        job_id: of the place.
        lie: one of `LIES`.
        content: of the upload.

    Returns:
        Status of the answer; None where the server hung up.
    """
    path = f'/api/jobs/{job_id}/video'
    told = {'longer': len(content) + 50, 'shorter': len(content) - 50}
    head = make_head('PUT', path, told.get(lie, len(content)))
    chunked = head.replace(
        b'Content-Length: %d' % len(content), b'Transfer-Encoding: chunked'
    )
    size = b'%x\r\n' % len(content)
    sent = {
        'longer': head + content,
        'longer, end said': head + content,
        'shorter': head + content,
        'none': head.replace(b'Content-Length', b'X-Length') + content,
        'two': head.replace(b'X-MM', b'Content-Length: 7\r\nX-MM') + content,
        'chunks': chunked + size + content + b'\r\n0\r\n\r\n',
        'chunks without end': chunked + size + content,
        'broken chunks': chunked + b'zz\r\n' + content,
        'huge chunk': chunked + b'ffffffffffff\r\n' + content,
        'both': head.replace(b'X-MM', b'Transfer-Encoding: chunked\r\nX-MM')
        + size + content + b'\r\n0\r\n\r\n',
    }[lie]  # fmt: skip
    with visitor.dial(sent) as line:
        if lie.endswith('end said'):
            line.shutdown(socket.SHUT_WR)
        return _read_status(line)


LIES = (
    'longer', 'longer, end said', 'shorter', 'none', 'two', 'chunks',
    'chunks without end', 'broken chunks', 'huge chunk', 'both',
)  # fmt: skip


def babble(visitor, chance):
    """Send what is no request; return the status, None where the server hung up."""
    kind = chance.randrange(4)
    if kind == 0:
        content = chance.randbytes(chance.randrange(1, 5000)) + b'\r\n\r\n'
    elif kind == 1:
        name = chance.choice([b'A', b'Host', b'X-MMDeepfake', b'Cookie'])
        content = b'GET / HTTP/1.1\r\n' + name + b': ' + b'a' * 200_000 + b'\r\n\r\n'
    elif kind == 2:
        many = b''.join(b'H%d: 1\r\n' % i for i in range(20_000))
        content = b'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n' + many + b'\r\n'
    else:
        whole = make_head('POST', '/api/jobs', 13, b'{"size": 400}')
        place = chance.randrange(len(whole) - 17)
        content = whole[:place] + chance.randbytes(3) + whole[place + 3 :] + b'\r\n\r\n'
    line = visitor.dial()
    with line:
        with suppress(OSError):
            line.sendall(content)
            line.shutdown(socket.SHUT_WR)
        return _read_status(line)


def damage(content, chance):
    """Truncate a video, or write noise into it; its first bytes stay a video's."""
    kind = chance.choice(['truncated', 'noise', 'holes'])
    if kind == 'truncated':
        return content[: chance.randrange(200, len(content))]
    if kind == 'noise':
        return VIDEO_START + chance.randbytes(len(content))
    broken = bytearray(content)
    for _ in range(chance.randrange(1, 20)):
        place = chance.randrange(200, len(content) - 64)
        broken[place : place + 64] = chance.randbytes(64)
    return bytes(broken)


def ask_anything(visitor, chance, known):
    """Send a random request of those that the page knows, and some that it does not.

    Returns:
        The request, its status, and what came with it; new jobs join `known`.
    """
    method = chance.choice(['GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'PATCH'])
    one = chance.choice(known)
    places = ['/', '/api/about', '/api/jobs', f'/api/jobs/{one}', '/none']
    path = chance.choice([*places, f'/api/jobs/{one}/video'])
    upload = VIDEO_START.ljust(400)
    body = chance.choice([b'', b'{', b'{"size": 400}', upload, os.urandom(9000)])
    status, _, answer = visitor.ask(method, path, body)
    if status == 201:
        known.append(answer['id'])
    return f'{method} {path}', status, answer if method != 'HEAD' else None
