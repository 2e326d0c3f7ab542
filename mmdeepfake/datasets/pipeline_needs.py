"""Which videos a pipeline can use: long enough ones, with the files that it reads."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from mmdeepfake.structures import FAKE, LABEL_NAMES, VideoKey, VideoRecord

from .file_check import FileReport, Problem

CheckedVideos = list[tuple[VideoRecord, FileReport]]

TOO_SHORT = 'too short'
_NUM_EXAMPLES = 5
# How a file that a record may name comes into being.
_ORIGINS = {
    'landmarks': 'prepare the faces with tools/prepare.py --landmarks',
    'mask': 'the set has to come with masks, prepared together with its videos',
    'track_file': 'prepare the faces with tools/prepare.py',
}


@dataclass(frozen=True)
class Needs:
    """What the steps of a pipeline ask of every video.

    Attributes:
        min_frames: how long it has to be.
        files: fields of its `VideoRecord` that must not be None.
    """

    min_frames: int = 1
    files: tuple[str, ...] = ()

    @classmethod
    def of_pipeline(cls, steps: Iterable[object]) -> Needs:
        """Gather what transforms say of themselves: `min_frames`, `needed_files`."""
        steps = list(steps)
        files = [name for step in steps for name in getattr(step, 'needed_files', ())]
        return cls(
            max((getattr(step, 'min_frames', 1) for step in steps), default=1),
            tuple(dict.fromkeys(files)),
        )


def check_needs(report: FileReport, record: VideoRecord, needs: Needs) -> FileReport:
    """Call a video unsuited that does not have what the pipeline needs.

    Args:
        report: what looking at the file gave.
        record: what the dataset knows of the video.
        needs: of the pipeline.

    Returns:
        The report, with the problem where there is one.
    """
    if report.problem:
        return report
    num_frames = report.num_frames or record.num_frames
    if num_frames and num_frames < needs.min_frames:
        details = f'{num_frames} frames, {needs.min_frames} make one snippet'
        return replace(report, problem=Problem(TOO_SHORT, details, True))
    for name in needs.files:
        if getattr(record, name) is None:
            kind = f'no {name.removesuffix("_file")}'
            return replace(report, problem=Problem(kind, _ORIGINS[name], True))
    return report


def is_unsuited(report: FileReport) -> bool:
    """Whether a sound file merely lacks what this pipeline needs."""
    return report.problem is not None and report.problem.is_of_pipeline


def count_kinds(reports: Iterable[FileReport]) -> str:
    """'3 too short, 1 missing', the most frequent first."""
    problems = (report.problem for report in reports)
    kinds = Counter(one.kind for one in problems if one is not None).most_common()
    return ', '.join(f'{count} {kind}' for kind, count in kinds)


def list_left_out(
    pairs: CheckedVideos, usable: CheckedVideos
) -> tuple[tuple[VideoKey, str], ...]:
    """Name the videos of which no track is shown, with the kind of the first problem.

    Args:
        pairs: all tracks that were looked at.
        usable: those that stayed.
    """
    shown = {record.key for record, _ in usable}
    kinds: dict[VideoKey, str] = {}
    for record, report in pairs:
        if report.problem and record.key not in shown:
            kinds.setdefault(record.key, report.problem.kind)
    return tuple(sorted(kinds.items()))


def describe_unusable(
    unusable: CheckedVideos, num_all: int, *, whose: str, root: str, allowed: str = ''
) -> str:
    """Count the unusable videos by kind and name the first of them.

    Args:
        unusable: the videos, each with its problem.
        num_all: how many there are with the usable ones.
        whose: the dataset and split that lists them.
        root: folder that their paths start from.
        allowed: what is said behind their share.
    """
    examples = [f'  {record.path}: {report.problem}' for record, report in unusable]
    if len(unusable) > _NUM_EXAMPLES:
        rest = len(unusable) - _NUM_EXAMPLES
        examples = [*examples[:_NUM_EXAMPLES], f'  and {rest} more']
    counts = count_kinds(report for _, report in unusable)
    return (
        f'{whose}: {len(unusable)} of {num_all} videos in {os.path.abspath(root)!r} '
        f'cannot be used ({counts}), a share of {len(unusable) / num_all:.4f}{allowed}'
        '\n' + '\n'.join(examples)
    )


def suggest_repair(unusable: CheckedVideos, share: float) -> str:
    """Say what helps against unusable videos that are a share of all."""
    if all(is_unsuited(report) for _, report in unusable):
        repair = 'Give them what they lack'
        if share < 1:
            repair += (
                ', or set leave_out_unsuited=True to go on with the other '
                f'{1 - share:.1%} of the videos'
            )
        return repair
    # Rounded up, so that the number printed is one that is enough.
    enough = math.ceil(share * 1e4) / 1e4
    return (
        'Download or copy them again, or set max_unusable_share='
        f'{enough:.4f} to leave them out.'
    )


def count_text(records: Iterable[VideoRecord]) -> str:
    """Count videos for the log: '140 real, 280 fake (Deepfakes 140, FaceSwap 140)'."""
    records = list(records)
    labels = Counter(record.key.label for record in records)
    text = ', '.join(
        f'{labels[label]} {name}' for label, name in enumerate(LABEL_NAMES)
    )
    methods = Counter(r.key.method for r in records if r.key.label == FAKE)
    fakes = ', '.join(f'{name} {count}' for name, count in sorted(methods.items()))
    return f'{text} ({fakes})' if fakes else text
