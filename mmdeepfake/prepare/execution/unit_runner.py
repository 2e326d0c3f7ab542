"""What a worker does with a unit of work, wherever it runs."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from mmdeepfake.errors import InputError
from mmdeepfake.layouts.source_video import SourceVideo
from mmdeepfake.structures import VideoKey

from ..frame_archives import unpack_members
from ..prepared_video import PreparedVideo, publish
from ..video_preparation import (
    describe_error,
    is_disk_error,
    output_error,
    prepare_video,
    record_fault,
)
from ..work_plan import WorkUnit
from ..worker_context import WorkerContext, WorkerSettings

THREAD_VARIABLES = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')


@dataclass(frozen=True)
class VideoOutcome:
    """What became of one video, for the progress bar.

    Attributes:
        key: which one.
        status: one of `structures.video_record.STATUSES`.
        fault: why it failed.
        num_frames: of the source video.
    """

    key: VideoKey
    status: str
    fault: str | None = None
    num_frames: int = 0

    @classmethod
    def of(cls, done: PreparedVideo) -> VideoOutcome:
        """Build the outcome from a finished record."""
        first = done.records[0]
        return cls(done.key, done.status, first.fault, done.facts.num_frames)


def use_one_thread() -> None:
    """Keep libraries from starting threads in a worker: workers are the parallelism.

    The variables are read by libraries that are loaded from here on. The server that
    workers start from may be older than this run, and have another environment.
    """
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, '1')
    cv2.setNumThreads(1)


def run_here(
    units: Iterable[WorkUnit], order: WorkerSettings
) -> Iterator[VideoOutcome]:
    """Prepare all videos in this process: for debugging, and where processes cannot be.

    A video that makes a decoder crash ends the run; running it again goes on there.

    Raises:
        OutputError: the disk is full, or cannot be written to.
        ConfigError: a package is missing, or a setting cannot be used.
    """
    context = WorkerContext(order)
    for unit in units:
        yield from run_unit(unit, context)


def run_unit(unit: WorkUnit, context: WorkerContext) -> Iterator[VideoOutcome]:
    """Prepare the videos of a unit, giving each as soon as it is in the output.

    Raises:
        OutputError: the disk is full, or cannot be written to.
        ConfigError: a package is missing, or a setting cannot be used.
    """
    if unit.archive is None:
        for video in unit.videos:
            yield VideoOutcome.of(prepare_video(video, context))
        return
    folder = context.partial / f'unpacked-{uuid.uuid4().hex}'
    places = {video: folder / str(i) for i, video in enumerate(unit.videos)}
    try:
        fault = _unpack(unit, places, context)
        for video, place in places.items():
            if fault is None:
                done = prepare_video(video, context, unpacked=place)
            else:
                done = save_failure(video, context, fault)
            yield VideoOutcome.of(done)
            shutil.rmtree(place, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(
    unit: WorkUnit, places: dict[SourceVideo, Path], context: WorkerContext
) -> str | None:
    """Unpack what the unit needs; return the fault of the archive, if any."""
    try:
        unpack_members(
            unit.archive, {video.member: place for video, place in places.items()}
        )
    except InputError as error:
        return describe_error(error)
    except OSError as error:
        if is_disk_error(error):
            raise output_error(context.out.root, error) from error
        return describe_error(error)
    return None


def save_failure(
    video: SourceVideo, context: WorkerContext, fault: str
) -> PreparedVideo:
    """Record that a video failed, from outside of its preparation.

    Raises:
        OutputError: the disk is full, or cannot be written to.
    """
    done = record_fault(video, context, fault)
    made = context.partial / f'video-{uuid.uuid4().hex}'
    try:
        os.makedirs(made)
        done.save(made)
        publish(made, context.out, video.key)
    except OSError as error:
        if is_disk_error(error):
            raise output_error(context.out.root, error) from error
        raise
    return done


def settle_crash(
    video: SourceVideo, context: WorkerContext, fault: str
) -> VideoOutcome:
    """Return the outcome of the video that a worker died on.

    The worker may have finished it just before; otherwise it is recorded as failed.
    """
    done = context.load_finished(video.key)
    return VideoOutcome.of(done or save_failure(video, context, fault))
