"""The limits of the page and its refusals."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from mmdeepfake.errors import ConfigError

MEGABYTE = 1_000_000

# Kind of refusal -> HTTP status.
STATUS_OF = {
    'bad_request': 400,
    'not_allowed': 403,
    'not_found': 404,
    'conflict': 409,
    'too_slow': 408,
    'too_big': 413,
    'wrong_type': 415,
    'broken': 422,
    'too_long': 422,
    'server': 500,
    'crashed': 500,
    'full': 503,
    'time_limit': 504,
}


class Refusal(Exception):
    """A request that is refused.

    Args:
        kind: a key of `STATUS_OF`.
        message: one or two sentences for the visitor, without paths of the server.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

    @property
    def status(self) -> int:
        """Its HTTP status."""
        return STATUS_OF[self.kind]

    def describe(self) -> dict[str, str]:
        """Return the JSON fields for the visitor."""
        return {'kind': self.kind, 'message': self.message}


@dataclass(frozen=True)
class Limits:
    """Maximum sizes and times.

    Attributes:
        max_megabytes: size of an upload, in 10^6 bytes.
        max_seconds: length of a video.
        max_pixels: width x height of a frame.
        queue: videos that wait while another one is examined.
        keep_minutes: lifetime of a result.
        max_kept: number of results; the oldest are removed.
        job_seconds: examination of one video.
        upload_seconds: one complete upload.
        idle_seconds: a pause before or within an upload; any other request must be
            complete within it.

    Raises:
        ConfigError: a value is not above 0, or `queue` is negative.
    """

    max_megabytes: float = 200
    max_seconds: float = 120
    max_pixels: int = 4096 * 2304
    queue: int = 4
    keep_minutes: float = 30
    max_kept: int = 20
    job_seconds: float = 900
    upload_seconds: float = 600
    idle_seconds: float = 20

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            is_valid = value >= 0 if field.name == 'queue' else value > 0
            if not (is_valid and math.isfinite(value)):
                bound = '0 or more' if field.name == 'queue' else 'above 0'
                raise ConfigError(f'{field.name}={value!r}; allowed: {bound}')

    @property
    def max_bytes(self) -> int:
        """Maximum size of an upload."""
        return int(self.max_megabytes * MEGABYTE)

    @staticmethod
    def refuse_disk() -> Refusal:
        """Return the refusal for a full disk."""
        return Refusal('full', 'The server is out of disk space. Try again later.')

    def refuse_size(self) -> Refusal:
        """Return the refusal for a file that is too big."""
        return Refusal(
            'too_big',
            f'The file is larger than {self.max_megabytes:g} MB. Shorten the video or '
            'compress it more.',
        )

    def check_video(
        self, *, num_frames: int, duration_seconds: float, num_pixels: int
    ) -> None:
        """Raise `Refusal` for a video that is too long or too large."""
        # A header may claim any frame rate; cameras reach this one.
        max_fps = 240
        is_long = duration_seconds > self.max_seconds
        if is_long or num_frames > max_fps * self.max_seconds:
            raise Refusal(
                'too_long',
                f'The video is longer than {self.max_seconds:g} seconds. Send '
                'a shorter part of it.',
            )
        if num_pixels > self.max_pixels:
            raise Refusal(
                'too_big',
                f'A frame of the video has {num_pixels / 1e6:.1f} megapixels; '
                f'{self.max_pixels / 1e6:.1f} are allowed. Scale the video down.',
            )
