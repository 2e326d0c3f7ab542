"""Renders a MiniFF set to disk: jobs, workers, resuming, and the files around them."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mmdeepfake.errors import DataError
from mmdeepfake.files.folder_lock import hold_lock

from .cast import list_clips, make_forgery_rng, make_noise_rng, pair_clips, perform
from .encoding import MASK_CRF, encode_videos
from .forgery import (
    draw_spatial_traces,
    forge,
    leave_traces,
    mask_region,
    weigh_region,
)
from .frames import ClipRenderer, draw_sensor_noise, quantise
from .record import claim_folder, write_json
from .settings import COMPRESSION_CRF, MiniFFSettings
from .video_jobs import IDENTITIES_NAME, LOCK_NAME, VideoJob, list_jobs


@dataclass(frozen=True)
class RenderSummary:
    """What a call of `render_miniff` did.

    Attributes:
        num_rendered: videos rendered by this call.
        num_kept: videos found whole from an earlier one.
        duration_seconds: wall time.
    """

    num_rendered: int
    num_kept: int
    duration_seconds: float


def render_miniff(
    root: str | os.PathLike[str],
    settings: MiniFFSettings,
    *,
    num_workers: int = 2,
    progress: bool = True,
    overwrite: bool = False,
) -> RenderSummary:
    """Render a set in FaceForensics++'s layout; what is already there is kept.

    Args:
        root: folder of the set, made where it is missing.
        settings: what to render.
        num_workers: processes; 1 renders in this one. The frames do not depend on it.
        progress: whether to show a progress bar with the time left.
        overwrite: whether to delete a set of other settings that lies in `root`.

    Returns:
        How many videos were rendered and how many kept.
    """
    if num_workers < 1:
        raise DataError(f'num_workers = {num_workers} of render_miniff: need 1 or more')
    start, root = time.monotonic(), Path(root)
    jobs = list_jobs(settings)
    with hold_lock(root / LOCK_NAME):
        claim_folder(root, settings, overwrite=overwrite)
        open_jobs = [job for job in jobs if not _is_done(job, root, settings)]
        with _progress_bar(len(jobs), shown=progress) as advance:
            advance(len(jobs) - len(open_jobs))
            for _ in _run_jobs(open_jobs, root, settings, num_workers):
                advance(1)
        # Written last: a set with split files is whole.
        _write_tables(root, settings)
    return RenderSummary(
        num_rendered=len(open_jobs),
        num_kept=len(jobs) - len(open_jobs),
        duration_seconds=time.monotonic() - start,
    )


def render_frames(
    job: VideoJob, settings: MiniFFSettings
) -> tuple[np.ndarray, np.ndarray | None]:
    """The frames of one video and, of a forged one, its masks, before compression.

    Returns:
        (T, H, W, 3) uint8 RGB, and (T, H, W) uint8 or None.
    """
    performance, traces = perform(settings, job.target), None
    if job.method is not None:
        rng = make_forgery_rng(settings, job.method, job.target)
        performance = forge(performance, perform(settings, job.source), job.method, rng)
        if settings.cues == 'both':
            traces = draw_spatial_traces(rng, settings.spatial_strength)
    renderer = ClipRenderer(
        performance,
        size_px=settings.size_px,
        temporal_strength=settings.temporal_strength,
    )
    noise_rng = make_noise_rng(settings, job.method, job.target)
    frames, masks = [], []
    for frame_index in range(settings.num_frames):
        plane = renderer.locate_face(frame_index)
        picture = renderer.render_frame(frame_index, plane)
        noise = draw_sensor_noise(noise_rng, settings.size_px)
        if traces is None:
            picture = picture + noise
        else:
            weight = weigh_region(plane, job.method)
            picture = leave_traces(picture, noise, weight, traces)
        frames.append(quantise(picture))
        if job.method is not None:
            masks.append(mask_region(plane, job.method))
    return np.stack(frames), np.stack(masks) if masks else None


def render_job(job: VideoJob, root: Path, settings: MiniFFSettings) -> None:
    """Render one video and write it at every compression, with its mask."""
    frames, masks = render_frames(job, settings)
    videos = [
        (job.video_path(root, level), COMPRESSION_CRF[level])
        for level in settings.compressions
    ]
    encode_videos(frames, videos, fps=settings.fps, coding=settings.coding)
    if masks is not None:
        encode_videos(masks, [(job.mask_path(root), MASK_CRF)], fps=settings.fps)


def _is_done(job: VideoJob, root: Path, settings: MiniFFSettings) -> bool:
    # Files get their names only when whole, so being there is being done.
    return all(path.exists() for path in job.paths(root, settings.compressions))


def _run_jobs(
    jobs: list[VideoJob], root: Path, settings: MiniFFSettings, num_workers: int
) -> Iterator[None]:
    """Render the jobs in any order; yields after each."""
    if num_workers == 1 or len(jobs) < 2:
        for job in jobs:
            yield render_job(job, root, settings)
        return
    with ProcessPoolExecutor(
        num_workers,
        mp_context=_worker_context(),
        initializer=cv2.setNumThreads,
        initargs=(1,),
    ) as pool:
        tasks = [pool.submit(render_job, job, root, settings) for job in jobs]
        try:
            for task in as_completed(tasks):
                yield task.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _worker_context() -> multiprocessing.context.BaseContext:
    """How workers start: from a server that has imported everything once.

    Plain forks of this process could hang, since OpenCV's and PyTorch's threads do
    not survive a fork.
    """
    if 'forkserver' not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context('spawn')
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload([__name__])
    return context


@contextmanager
def _progress_bar(num_videos: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Gives a function that moves the bar on by a number of videos."""
    if not shown:
        yield lambda count: None
        return
    from rich import progress as rich_progress

    columns = (
        rich_progress.TextColumn('{task.description}'),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TextColumn('left'),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns) as bar:
        task = bar.add_task('rendering MiniFF', total=num_videos)
        yield lambda count: bar.advance(task, count)


def _write_tables(root: Path, settings: MiniFFSettings) -> None:
    """Write the pairs of each split and the person of each clip."""
    for split, pairs in pair_clips(settings).items():
        table = [[first.clip_id, second.clip_id] for first, second in pairs]
        write_json(root / 'splits' / f'{split}.json', table)
    identities = {clip.clip_id: clip.person_id for clip in list_clips(settings)}
    write_json(root / IDENTITIES_NAME, identities)
