"""What the page takes, for how long it keeps it, and how it says no."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from mmdeepfake.errors import ConfigError

MEGABYTE = 1_000_000

# Why something was refused -> the HTTP status that says so.
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
    """Something that a visitor asked for and does not get.

    Args:
        kind: a key of `STATUS_OF`.
        message: one or two sentences for the visitor; holds no path of the server.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status of it."""
        return STATUS_OF[self.kind]

    def describe(self) -> dict[str, str]:
        """Give what the visitor is told, for JSON."""
        return {'kind': self.kind, 'message': self.message}


@dataclass(frozen=True)
class Limits:
    """How much is taken, and for how long.

    Attributes:
        max_megabytes: size of an upload, in 10^6 bytes.
        max_seconds: length of a video.
        max_pixels: width x height of a frame.
        queue: videos that may wait while another one is worked on.
        keep_minutes: for how long a result can be looked at.
        max_kept: results at a time; the oldest give way.
        job_seconds: work on one video.
        upload_seconds: one upload in all.
        idle_seconds: a pause within an upload, or before it; a request that is no
            upload has so long to come in.

    Raises:
        ConfigError: a value is not above 0, or `queue` is below 0.
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
            is_right = value >= 0 if field.name == 'queue' else value > 0
            if not (is_right and math.isfinite(value)):
                bound = 'a whole number from 0 on' if field.name == 'queue' else '> 0'
                raise ConfigError(f'{field.name}={value!r}; allowed is {bound}')

    @property
    def max_bytes(self) -> int:
        """Size of an upload."""
        return int(self.max_megabytes * MEGABYTE)

    @staticmethod
    def refuse_disk() -> Refusal:
        """Say that nothing more can be written."""
        return Refusal('full', 'The server has no disk space left. Try later.')

    def refuse_size(self) -> Refusal:
        """Say that a file is too big."""
        return Refusal(
            'too_big',
            f'The file is larger than {self.max_megabytes:g} MB. Cut the video '
            'shorter or save it with a stronger compression.',
        )

    def check_video(
        self, *, num_frames: int, duration_seconds: float, num_pixels: int
    ) -> None:
        """Refuse a video that would take too long, by what its frames say."""
        # A header may claim any rate: no camera shows more than this.
        fastest = 240
        is_long = duration_seconds > self.max_seconds
        if is_long or num_frames > fastest * self.max_seconds:
            raise Refusal(
                'too_long',
                f'The video is longer than {self.max_seconds:g} seconds. Cut out the '
                'part that matters.',
            )
        if num_pixels > self.max_pixels:
            raise Refusal(
                'too_big',
                f'A frame of the video has {num_pixels / 1e6:.1f} megapixels; '
                f'{self.max_pixels / 1e6:.1f} are allowed.',
            )
