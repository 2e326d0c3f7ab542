"""Rendering of a MiniFF set to disk: jobs, workers, resuming, and tables."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from mmdeepfake.errors import DataError
from mmdeepfake.files.atomic_write import replace_json
from mmdeepfake.files.folder_lock import hold_lock

from .cast import list_clips, make_forgery_rng, make_noise_rng, pair_clips, perform
from .encoding import MASK_CRF, encode_videos
from .forgery import draw_spatial_traces, forge, leave_traces, mask_region, weigh_region
from .frames import ClipRenderer, draw_sensor_noise, quantise
from .record import claim_folder
from .settings import COMPRESSION_CRF, MiniFFSettings
from .video_jobs import IDENTITIES_NAME, LOCK_NAME, VideoJob, list_jobs


@dataclass(frozen=True)
class RenderSummary:
    """What a call of `render_miniff` did.

    Attributes:
        num_rendered: videos rendered by this call.
        num_kept: videos that an earlier call rendered.
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
    """Render a set in FaceForensics++'s layout; existing videos are kept.

    Args:
        root: folder of the set; created if missing.
        settings: what to render.
        num_workers: number of processes; 1 renders in this one. It does not affect the
            frames.
        progress: show a progress bar.
        overwrite: delete a set with other settings in `root`.
    """
    if num_workers < 1:
        raise DataError(f'num_workers = {num_workers}: allowed is 1 or more')
    start, root = time.monotonic(), Path(root)
    jobs = list_jobs(settings)
    with hold_lock(root / LOCK_NAME):
        claim_folder(root, settings, overwrite=overwrite)
        open_jobs = [job for job in jobs if not _is_done(job, root, settings)]
        for _ in track(
            _run_jobs(open_jobs, root, settings, num_workers),
            description='rendering MiniFF',
            total=len(open_jobs),
            disable=not progress,
        ):
            pass
        # Written last, so that a set with split files is complete.
        _write_tables(root, settings)
    return RenderSummary(
        num_rendered=len(open_jobs),
        num_kept=len(jobs) - len(open_jobs),
        duration_seconds=time.monotonic() - start,
    )


def render_frames(
    job: VideoJob, settings: MiniFFSettings
) -> tuple[np.ndarray, np.ndarray | None]:
    """Render the frames of one video and, for a fake, its masks, uncompressed.

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
        frame = renderer.render_frame(frame_index, plane)
        noise = draw_sensor_noise(noise_rng, settings.size_px)
        if traces is None:
            frame = frame + noise
        else:
            weight = weigh_region(plane, job.method)
            frame = leave_traces(frame, noise, weight, traces)
        frames.append(quantise(frame))
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
    # Files are written atomically, so those that exist are complete.
    return all(path.exists() for path in job.paths(root, settings.compressions))


def _run_jobs(
    jobs: list[VideoJob], root: Path, settings: MiniFFSettings, num_workers: int
) -> Iterator[None]:
    """Render the jobs in any order; yield after each."""
    if num_workers == 1 or len(jobs) < 2:
        for job in jobs:
            yield render_job(job, root, settings)
        return
    # Not fork: the threads of OpenCV and PyTorch do not survive it.
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(
        num_workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        tasks = [pool.submit(render_job, job, root, settings) for job in jobs]
        try:
            for task in as_completed(tasks):
                yield task.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _write_tables(root: Path, settings: MiniFFSettings) -> None:
    """Write the pairs of each split and the person of each clip."""
    for split, pairs in pair_clips(settings).items():
        table = [[first.clip_id, second.clip_id] for first, second in pairs]
        replace_json(root / 'splits' / f'{split}.json', table, alone=True)
    identities = {clip.clip_id: clip.person_id for clip in list_clips(settings)}
    replace_json(root / IDENTITIES_NAME, identities, alone=True)
