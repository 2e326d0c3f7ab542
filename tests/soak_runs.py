"""Score the same videos round after round in one process, and say what did not stay."""

from __future__ import annotations

import csv
import gc
import hashlib
import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from process_watch import HELD_NAMES, measure_family, measure_folder

from mmdeepfake.apis import DeepfakeInferencer
from mmdeepfake.inference.results import VideoResult
from mmdeepfake.visualization.report_plots import FAKE_COLOUR, GREY, REAL_COLOUR

_KINDS = {'video': str, 'seconds': float}
MEASURES = ('round', 'video', 'seconds', *HELD_NAMES, 'temp_files', 'temp_bytes')


@dataclass(frozen=True)
class Soak:
    """What came out of a soak.

    Attributes:
        rows: by video, in order: the columns `MEASURES`.
        differing: videos whose result was not the same in every round.
    """

    rows: list[dict]
    differing: list[str]

    @classmethod
    def read(cls, table: Path, differing: Collection[str] = ()) -> Soak:
        """Read what `soak` has written."""
        with open(table, newline='') as file:
            rows = [
                {name: _KINDS.get(name, int)(text) for name, text in row.items()}
                for row in csv.DictReader(file)
            ]
        return cls(rows, sorted(differing))

    @property
    def num_rounds(self) -> int:
        """How many rounds were completed."""
        counts = Counter(row['round'] for row in self.rows)
        return sum(count == counts[0] for count in counts.values())

    def settled(self) -> list[dict]:
        """Return the rows after the first round, which fills caches."""
        return [row for row in self.rows if row['round'] > 0]

    def fit_memory(self):
        """Fit a line to the anonymous memory after the first round, in MB.

        Returns:
            slope an hour, slope in 100 videos, standard deviation of what is left over.
        """
        rows = self.settled()
        memory = np.array([row['anonymous'] for row in rows]) / 1e6
        hours = np.array([row['seconds'] for row in rows]) / 3600
        slope, start = np.polyfit(hours, memory, 1)
        by_video = np.polyfit(np.arange(len(rows)) / 100, memory, 1)[0]
        rest = memory - (start + slope * hours)
        return float(slope), float(by_video), float(rest.std())

    def median_slope(self) -> float:
        """Return the Theil-Sen slope (median over pairs of rows) in MB per hour.

        Memory that alternates between two levels does not affect it.
        """
        rows = self.settled()
        memory = np.array([row['anonymous'] for row in rows]) / 1e6
        hours = np.array([row['seconds'] for row in rows]) / 3600
        later, earlier = np.tril_indices(len(rows), -1)
        slopes = (memory[later] - memory[earlier]) / (hours[later] - hours[earlier])
        return float(np.median(slopes))

    def extremes(self, name):
        """Return least and greatest value of a column after the first round."""
        values = [row[name] for row in self.settled()]
        return min(values), max(values)


def list_videos(root: Path, compression: str) -> list[Path]:
    """Find the videos of a set in FaceForensics++'s layout, masks left out."""
    return sorted(root.glob(f'*/*/{compression}/videos/*.mp4'))


def fingerprint(result: VideoResult) -> str:
    """Digest every number of a result but the time that it took."""
    digest = hashlib.sha256()
    for face in result.faces:
        numbers = [face.fake_score, face.test_score, face.windows, face.snippets]
        digest.update(repr(numbers).encode())
        if face.peak is not None:
            for array in (face.peak.frames, face.peak.heat):
                digest.update(b'-' if array is None else array.tobytes())
    told = [result.status, result.fault, result.fake_score, result.test_score]
    digest.update(repr(told).encode())
    return digest.hexdigest()


def soak(
    inferencer: DeepfakeInferencer,
    videos: list[Path],
    temp: Path,
    table: Path,
    *,
    seed: int,
    min_rounds: int = 2,
    max_seconds: float = 0.0,
) -> Soak:
    """Score all videos in rounds until the time is over.

    Measures go to a file at once: kept here, they would be what grows.

    Args:
        inferencer: scores them.
        videos: of a round.
        temp: folder for temporary files.
        table: CSV file to write.
        seed: of the order in each round.
        min_rounds: as many at least.
        max_seconds: no video begins later, from `min_rounds` on.
    """
    chance = random.Random(seed)
    known: dict[str, str] = {}
    differing: set[str] = set()
    start = time.monotonic()

    def is_over():
        return time.monotonic() - start > max_seconds

    def ask(number):
        for path in chance.sample(videos, len(videos)):
            if number >= min_rounds and is_over():
                return
            yield path

    with open(table, 'w', newline='', buffering=1) as file:
        writer = csv.writer(file)
        writer.writerow(MEASURES)
        for number in itertools.count():
            if number >= min_rounds and is_over():
                break
            for result in inferencer.infer_many(ask(number)):
                name = '/'.join(result.path.parts[-4:])
                found = fingerprint(result)
                if known.setdefault(name, found) != found:
                    differing.add(name)
                del result
                gc.collect()  # what waits for it is no leak
                seconds = round(time.monotonic() - start, 2)
                held = astuple(measure_family(os.getpid()))
                writer.writerow([number, name, seconds, *held, *measure_folder(temp)])
    return Soak.read(table, differing)


def judge(found: Soak, max_mb_per_hour: float) -> list[str]:
    """Return what did not stay as it was; nothing is as it should be."""
    complaints = []
    if found.differing:
        complaints.append(
            'other scores in a later round: ' + ', '.join(found.differing)
        )
    for name in ('threads', 'handles', 'processes', 'temp_files'):
        low, high = found.extremes(name)
        if low != high:
            complaints.append(f'{name} went from {low} to {high}')
    slope = found.median_slope()
    if slope > max_mb_per_hour:
        complaints.append(
            f'memory grew by {slope:.1f} MB an hour; allowed are {max_mb_per_hour:g}'
        )
    return complaints


def summarise(found: Soak) -> dict:
    """Return the figures of a soak."""
    slope, by_video, spread = found.fit_memory()
    return {
        'videos': len(found.rows),
        'rounds': found.num_rounds,
        'seconds': found.rows[-1]['seconds'],
        'memory_mb_per_hour': round(slope, 3),
        'memory_mb_per_100_videos': round(by_video, 4),
        'memory_spread_mb': round(spread, 3),
        'memory_median_mb_per_hour': round(found.median_slope(), 3),
        'anonymous_mb': [round(v / 1e6, 1) for v in found.extremes('anonymous')],
        'rss_mb': [round(v / 1e6, 1) for v in found.extremes('rss')],
        **{
            name: found.extremes(name)
            for name in ('threads', 'handles', 'processes', 'temp_files', 'temp_bytes')
        },
        'videos_with_other_scores': found.differing,
    }


def draw_memory(found: Soak, path: Path) -> None:
    """Draw memory over time, the first round apart, with the line that was fitted."""
    figure = Figure(figsize=(7, 3.2), dpi=120, layout='constrained')
    axes = figure.subplots()
    minutes = np.array([row['seconds'] for row in found.rows]) / 60
    is_first = np.array([row['round'] == 0 for row in found.rows])
    for name, colour, label in (
        ('rss', FAKE_COLOUR, 'resident'),
        ('anonymous', REAL_COLOUR, 'heap and stacks'),
    ):
        memory = np.array([row[name] for row in found.rows]) / 1e6
        axes.plot(minutes[is_first], memory[is_first], '.', markersize=3, color=GREY)
        shown = dict(markersize=3, color=colour, label=label)
        axes.plot(minutes[~is_first], memory[~is_first], '.', **shown)
    slope = found.fit_memory()[0]
    axes.set(xlabel='minutes', ylabel='MB', ylim=(0, None))
    axes.set_title(
        f'{len(found.rows)} videos; heap and stacks {slope:+.2f} MB an hour, the first '
        'round (grey) left out',
        fontsize=9,
    )
    axes.legend(fontsize=8)
    figure.savefig(path)
