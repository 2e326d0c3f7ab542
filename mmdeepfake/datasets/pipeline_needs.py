"""Check that videos have the length and files that a pipeline needs."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from mmdeepfake.structures import FAKE, LABEL_NAMES, REAL, VideoKey, VideoRecord

from .file_check import FileReport, Problem

CheckedVideos = list[tuple[VideoRecord, FileReport]]

TOO_SHORT = 'too short'
_NUM_EXAMPLES = 5
_FIXES = {
    'landmarks': 'prepare the faces with tools/prepare.py --landmarks',
    'mask': 'prepare a dataset that has masks',
    'track_file': 'prepare the faces with tools/prepare.py',
}


@dataclass(frozen=True)
class Needs:
    """Requirements of a pipeline on every video.

    Attributes:
        min_frames: minimum length.
        min_real_frames: minimum length of a real video, of which a fake is made.
        files: fields of the `VideoRecord` that must not be None.
    """

    min_frames: int = 1
    min_real_frames: int = 1
    files: tuple[str, ...] = ()

    @classmethod
    def of_pipeline(cls, steps: Iterable[object]) -> Needs:
        """Collect `min_frames`, `min_real_frames` and `needed_files` of transforms."""
        steps = list(steps)
        files = [name for step in steps for name in getattr(step, 'needed_files', ())]
        return cls(
            max((getattr(step, 'min_frames', 1) for step in steps), default=1),
            max((getattr(step, 'min_real_frames', 1) for step in steps), default=1),
            tuple(dict.fromkeys(files)),
        )


def check_record(report: FileReport, record: VideoRecord, needs: Needs) -> FileReport:
    """Compare the report of a video's file with its record and a pipeline's needs.

    Returns:
        The report, with the first problem, if any.
    """
    if report.problem:
        return report
    counted, recorded = report.num_frames, record.num_frames
    if counted and recorded and counted != recorded:
        details = f'{counted} frames, {recorded} in the manifest'
        return replace(report, problem=Problem('other length', details))
    num_frames = counted or recorded
    needed = needs.min_frames
    if record.key.label == REAL:
        needed = max(needed, needs.min_real_frames)
    if num_frames and num_frames < needed:
        details = f'{num_frames} frames, a snippet needs {needed}'
        return replace(report, problem=Problem(TOO_SHORT, details, True))
    for name in needs.files:
        if getattr(record, name) is None:
            kind = f'no {name.removesuffix("_file")}'
            return replace(report, problem=Problem(kind, _FIXES[name], True))
    return report


def is_unsuited(report: FileReport) -> bool:
    """Return whether a valid video only lacks what this pipeline needs."""
    return report.problem is not None and report.problem.is_of_pipeline


def list_left_out(
    pairs: CheckedVideos, usable: CheckedVideos
) -> tuple[tuple[VideoKey, str], ...]:
    """List the videos without a usable track, with the kind of the first problem."""
    shown = {record.key for record, _ in usable}
    kinds: dict[VideoKey, str] = {}
    for record, report in pairs:
        if report.problem and record.key not in shown:
            kinds.setdefault(record.key, report.problem.kind)
    return tuple(sorted(kinds.items()))


def describe_unusable(
    unusable: CheckedVideos, num_all: int, *, owner: str, root: str
) -> str:
    """Count unusable videos by kind and list the first of them.

    Args:
        unusable: videos with a problem.
        num_all: number of all videos.
        owner: dataset and split, for the message.
        root: root of the videos' paths.
    """
    kinds = Counter(report.problem.kind for _, report in unusable).most_common()
    counts = ', '.join(f'{count} {kind}' for kind, count in kinds)
    examples = [f'  {r.path}: {report.problem}' for r, report in unusable]
    if len(examples) > _NUM_EXAMPLES:
        examples[_NUM_EXAMPLES:] = [f'  and {len(examples) - _NUM_EXAMPLES} more']
    first = (
        f'{owner}: {len(unusable)} of {num_all} videos in {os.path.abspath(root)!r} '
        f'cannot be used ({counts}), a share of {len(unusable) / num_all:.4f}'
    )
    return '\n'.join([first, *examples])


def suggest_repair(unusable: CheckedVideos, share: float) -> str:
    """Suggest how to continue in spite of a share of unusable videos."""
    if not all(is_unsuited(report) for _, report in unusable):
        # Rounded up, so that the printed share is sufficient.
        enough = math.ceil(share * 1e4) / 1e4
        return (
            'Download or copy them again, or set max_unusable_share='
            f'{enough:.4f} to skip them.'
        )
    if share < 1:
        return (
            'Prepare what is missing, or set leave_out_unsuited=True to continue with '
            f'the other {1 - share:.1%} of the videos'
        )
    return 'Prepare what is missing'


def count_text(records: Iterable[VideoRecord]) -> str:
    """Count videos: '140 real, 280 fake (Deepfakes 140, FaceSwap 140)'."""
    records = list(records)
    labels = Counter(record.key.label for record in records)
    text = ', '.join(
        f'{labels[label]} {name}' for label, name in enumerate(LABEL_NAMES)
    )
    methods = Counter(r.key.method for r in records if r.key.label == FAKE)
    fakes = ', '.join(f'{name} {count}' for name, count in sorted(methods.items()))
    return f'{text} ({fakes})' if fakes else text
