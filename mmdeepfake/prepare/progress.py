"""The progress of a preparation: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from typing import Any

from mmdeepfake.files.printable_text import show_name
from mmdeepfake.structures import FAILED, OK

from .execution import VideoOutcome

logger = logging.getLogger('mmdeepfake.prepare')

_SECONDS_BETWEEN_LINES = 30.0


class ProgressReport:
    """Counts videos and frames; reports the rate and the time left.

    Used as a context manager. Failed videos are reported at once, with the reason.

    Args:
        num_videos: to be prepared by this run.
        shown: whether to report anything but failures.
        on_terminal: whether to draw a bar; None detects it.
    """

    def __init__(
        self, num_videos: int, *, shown: bool, on_terminal: bool | None = None
    ) -> None:
        self.num_videos = num_videos
        self.num_frames = 0
        self.statuses: Counter[str] = Counter()
        self._shown = shown
        self._draws_bar = sys.stderr.isatty() if on_terminal is None else on_terminal
        self._start = self._last_line = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> ProgressReport:
        if self._shown and self._draws_bar:
            self._bar = _make_bar()
            self._bar.start()
            self._task = self._bar.add_task(
                'preparing', total=self.num_videos, rate='', failed=''
            )
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    @property
    def num_done(self) -> int:
        """Number of finished videos of this run, failed ones included."""
        return self.statuses.total()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    def add(self, outcome: VideoOutcome) -> None:
        """Count one finished video."""
        self.statuses[outcome.status] += 1
        self.num_frames += outcome.num_frames
        if outcome.status == FAILED:
            self._report(show_name(f'{outcome.key} failed: {outcome.fault}'))
        if self._bar is not None:
            failed = self.statuses[FAILED]
            self._bar.update(
                self._task,
                advance=1,
                rate=f'{self.num_frames / max(self.seconds, 1e-9):.0f} frames/s',
                failed=f'{failed} failed' if failed else '',
            )
        elif (
            self._shown and time.monotonic() - self._last_line > _SECONDS_BETWEEN_LINES
        ):
            self._last_line = time.monotonic()
            print(self.line(), file=sys.stderr, flush=True)

    def _report(self, text: str) -> None:
        if self._bar is None:
            logger.warning('%s', text)
        else:  # above the bar
            self._bar.console.print(text, markup=False, highlight=False)

    def line(self) -> str:
        """Return such as '12 of 40 videos, 1.3 videos/s, 390 frames/s, 0:09, ...'."""
        seconds = max(self.seconds, 1e-9)
        rate = self.num_done / seconds
        text = (
            f'{self.num_done} of {self.num_videos} videos, {rate:.2g} videos/s, '
            f'{self.num_frames / seconds:.0f} frames/s, {format_time(seconds)}'
        )
        if 0 < self.num_done < self.num_videos:
            left = (self.num_videos - self.num_done) / rate
            text += f', {format_time(left)} left'
        not_ok = [f'{self.statuses[s]} {s}' for s in self.statuses if s != OK]
        return ', '.join([text, *sorted(not_ok)])


def format_time(seconds: float) -> str:
    """Format a duration as '1:02:03', or '2:03' under an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02d}:{rest:02d}' if hours else f'{minutes}:{rest:02d}'


def _make_bar() -> Any:
    from rich import console, progress

    return progress.Progress(
        '{task.description}',
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        '{task.fields[rate]}',
        progress.TimeElapsedColumn(),
        'left',
        progress.TimeRemainingColumn(),
        '[red]{task.fields[failed]}',
        console=console.Console(stderr=True),
    )
