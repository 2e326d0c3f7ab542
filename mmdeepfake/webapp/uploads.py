"""Takes a video in, piece by piece, and stops at the limit whatever was announced."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect

from .jobs import Job
from .limits import Limits, Refusal
from .video_types import NUM_BYTES, is_video_start

NAME_LENGTH = 120
# Bytes a second on average; who is slower holds a place that others wait for.
_SLOWEST = 10_000
logger = logging.getLogger(__name__)


async def receive_video(chunks: AsyncIterator[bytes], job: Job, limits: Limits) -> None:
    """Write an upload to its file.

    Args:
        chunks: of the body, as they come in.
        job: whose upload it is.
        limits: size and times.

    Raises:
        Refusal: it is too big, too slow, broken off, withdrawn, or no video, or the
            disk is full.
    """
    try:
        await _write_video(chunks, job, limits)
    except OSError as error:
        logger.error('video %d cannot be written: %s', job.number, error.strerror)
        raise limits.refuse_disk() from error


async def _write_video(chunks: AsyncIterator[bytes], job: Job, limits: Limits) -> None:
    start = time.monotonic()
    head = b''
    num_bytes = 0
    with open(job.upload, 'xb') as file:
        async for chunk in _with_patience(chunks, limits.idle_seconds):
            if job.is_cancelled.is_set():
                raise Refusal('not_found', 'The video was withdrawn.')
            num_bytes += len(chunk)
            if num_bytes > limits.max_bytes:
                raise limits.refuse_size()
            _check_pace(num_bytes, time.monotonic() - start, limits)
            if len(head) < NUM_BYTES:
                head += chunk[: NUM_BYTES - len(head)]
                if len(head) == NUM_BYTES:
                    _check_type(head)
            file.write(chunk)
    _check_type(head)


def _check_pace(num_bytes: int, seconds: float, limits: Limits) -> None:
    is_slow = num_bytes < _SLOWEST * (seconds - limits.idle_seconds)
    if is_slow or seconds > limits.upload_seconds:
        raise Refusal('too_slow', 'The upload took too long and was stopped.')


def shorten_name(name: object) -> str:
    """Make a file's name that can be shown: no folders, no control characters.

    It is shown and written into reports only; no file on the server is called so.
    """
    text = str(name).replace('\\', '/').rsplit('/', 1)[-1]
    text = text.encode('utf-8', 'replace').decode()
    text = ''.join(letter for letter in text if letter.isprintable()).strip()
    if len(text) > NAME_LENGTH:
        text = f'{text[: NAME_LENGTH - 13]}...{text[-10:]}'
    return (text.strip('.') and text) or 'video'


def _check_type(head: bytes) -> None:
    if not head:
        raise Refusal('broken', 'The file is empty.')
    if not is_video_start(head):
        raise Refusal(
            'wrong_type',
            'This is no video of a known kind. MP4, MOV, MKV, WebM, AVI and MPEG files '
            'are taken.',
        )


async def _with_patience(
    chunks: AsyncIterator[bytes], seconds: float
) -> AsyncIterator[bytes]:
    """Give the pieces, as long as each of them comes within so many seconds."""
    while True:
        try:
            yield await asyncio.wait_for(anext(chunks), seconds)
        except StopAsyncIteration:
            return
        except asyncio.TimeoutError:
            raise Refusal(
                'too_slow', 'The upload stood still and was stopped.'
            ) from None
        except ClientDisconnect:
            raise Refusal('broken', 'The upload was broken off.') from None
