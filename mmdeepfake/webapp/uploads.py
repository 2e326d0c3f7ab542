"""Receive a video in chunks, and stop at the limit whatever size was announced."""

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
# Mean; a slower upload would occupy a place for too long.
_MIN_BYTES_PER_SECOND = 10_000
logger = logging.getLogger(__name__)


async def receive_video(chunks: AsyncIterator[bytes], job: Job, limits: Limits) -> None:
    """Write an upload to its file.

    Raises:
        Refusal: it is too big, too slow, interrupted, withdrawn or not a video, or the
            disk is full.
    """
    try:
        await _write_video(chunks, job, limits)
    except OSError as error:
        logger.error(
            'upload of video %d cannot be written: %s', job.number, error.strerror
        )
        raise limits.refuse_disk() from error


async def _write_video(chunks: AsyncIterator[bytes], job: Job, limits: Limits) -> None:
    start = time.monotonic()
    head = b''
    num_bytes = 0
    with open(job.upload, 'xb') as file:
        async for chunk in _with_timeout(chunks, limits.idle_seconds):
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
    is_slow = num_bytes < _MIN_BYTES_PER_SECOND * (seconds - limits.idle_seconds)
    if is_slow or seconds > limits.upload_seconds:
        raise Refusal('too_slow', 'The upload took too long and was stopped.')


def shorten_name(name: object) -> str:
    """Return a printable file name without folders.

    It is only displayed; no file on the server has this name.
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
            'The file is not a supported video. Send MP4, MOV, MKV, WebM, AVI or MPEG.',
        )


async def _with_timeout(
    chunks: AsyncIterator[bytes], seconds: float
) -> AsyncIterator[bytes]:
    """Yield the chunks, each of which must arrive within the timeout."""
    while True:
        try:
            yield await asyncio.wait_for(anext(chunks), seconds)
        except StopAsyncIteration:
            return
        except asyncio.TimeoutError:
            raise Refusal('too_slow', 'The upload stalled and was stopped.') from None
        except ClientDisconnect:
            raise Refusal('broken', 'The upload was interrupted.') from None
