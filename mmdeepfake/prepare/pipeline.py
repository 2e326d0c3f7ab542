"""The preparation of a dataset, from its folder to the manifest and the report."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError, InputError
from mmdeepfake.faces.detection import FaceDetector, build_detector
from mmdeepfake.layouts import LAYOUTS, CsvLayout
from mmdeepfake.layouts.source_video import SourceVideo

from .execution import VideoOutcome, WorkerLimits, run_here, run_locally, run_on_ray
from .face_finding import box_name
from .output_folder import OutputFolder, refuse_overlap
from .preparation_settings import PreparationSettings
from .prepared_video import find_prepared, write_manifest
from .progress import ProgressReport
from .reports import (
    Coverage,
    Leaks,
    count_coverage,
    find_leaks,
    find_wrong_quality,
    write_report,
)
from .stil_boxes import read_stil_boxes
from .video_preparation import is_disk_error, output_error
from .work_plan import (
    WorkUnit,
    limit_videos,
    parse_shard,
    plan_units,
    refuse_shared_folders,
    skip_done,
    take_shard,
)
from .worker_context import WorkerSettings

EXECUTORS = ('local', 'ray')


@dataclass(frozen=True)
class PreparationRequest:
    """What to prepare, and how to run it.

    A clip depends on nothing here but the root and the settings.

    Attributes:
        root: the dataset as downloaded; never written to.
        out: the output folder.
        settings: what the clips depend on.
        methods: manipulations; None is the layout's default.
        compressions: compression levels; None is all.
        splits: None is all.
        columns: of a CSV list, see `CsvLayout`.
        limit: videos of each split, method and level; None is all.
        num_workers: processes; None is one per core, 0 runs in this process.
        executor: one of `EXECUTORS`.
        ray_address: of the cluster, for the executor 'ray'.
        shard: 'i/n' prepares one of n parts; None is everything.
        boxes_path: STIL's file of boxes, to use in place of a detector.
        overwrite: whether to delete what is prepared, and start again.
        retry_failed: whether to prepare failed videos again.
        limits: of a worker for one video; they need workers.
        shows_progress: whether to report progress.
        build_detector: for tests and plug-ins, see `WorkerSettings`.
    """

    root: Path
    out: Path
    settings: PreparationSettings
    methods: Sequence[str] | None = None
    compressions: Sequence[str] | None = None
    splits: Sequence[str] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None
    num_workers: int | None = None
    executor: str = 'local'
    ray_address: str | None = None
    shard: str | None = None
    boxes_path: Path | None = None
    overwrite: bool = False
    retry_failed: bool = False
    limits: WorkerLimits = field(default_factory=WorkerLimits)
    shows_progress: bool = True
    build_detector: Callable[..., FaceDetector] = build_detector

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ('executor', self.executor, EXECUTORS),
            ('dataset', self.settings.layout, LAYOUTS),
        ):
            if value not in allowed:
                raise ConfigError(
                    f'{name} {value!r}; allowed are ' + ', '.join(map(repr, allowed))
                )
        if self.columns and self.settings.layout != 'csv':
            raise ConfigError(
                f'--columns of the dataset {self.settings.layout!r}: only a list, '
                "'csv', has columns"
            )
        if self.num_workers is not None and self.num_workers < 0:
            raise ConfigError(
                f'{self.num_workers} workers; allowed is 1 or more, or 0 to work in '
                'this process'
            )
        if self.shard is not None:
            parse_shard(self.shard)
            if self.overwrite:
                raise ConfigError(
                    '--overwrite with --shard would delete the work of the other '
                    'shards; delete OUT and start all shards again'
                )


@dataclass(frozen=True)
class PreparationSummary:
    """The results of a run.

    Attributes:
        num_prepared: videos prepared by this run.
        num_kept: videos of this run's part that were done before.
        num_frames: read by this run.
        seconds: wall time of the work.
        num_lines: lines of the manifest.
        coverage: see `reports.Coverage`.
        leaks: see `reports.Leaks`.
        wrong_quality: see `reports.find_wrong_quality`.
    """

    num_prepared: int
    num_kept: int
    num_frames: int
    seconds: float
    num_lines: int
    coverage: Coverage
    leaks: Leaks
    wrong_quality: list[str]

    @property
    def num_failed(self) -> int:
        """Videos of the output that could not be prepared."""
        return self.coverage.total.failed


def run_preparation(request: PreparationRequest) -> PreparationSummary:
    """Prepare a dataset; videos that are done are kept.

    Raises:
        InputError: the dataset, the output or the options are invalid, or the disk is
            full; the message says how to fix it.
    """
    refuse_overlap(request.root, request.out)
    # Workers, also on other machines, may have another working directory.
    request = replace(request, root=request.root.absolute(), out=request.out.absolute())
    request = _fingerprint_boxes(request)
    videos = list_videos(request)
    refuse_shared_folders(videos, OutputFolder(request.out))
    _check_boxes(request, videos)
    try:
        return _prepare(request, videos)
    except OSError as error:
        if isinstance(error, InputError) or not _is_of_output(error, request.out):
            raise
        raise output_error(request.out, error) from error


def _is_of_output(error: OSError, out: Path) -> bool:
    """Return whether a file operation failed on the output, not on the dataset."""
    path = os.path.abspath(os.fspath(error.filename or ''))
    return is_disk_error(error) or path.startswith(str(out.absolute()))


def _prepare(
    request: PreparationRequest, videos: Sequence[SourceVideo]
) -> PreparationSummary:
    settings, out = request.settings, OutputFolder(request.out)
    run = 'all' if request.shard is None else f'shard-{request.shard.replace("/", "-")}'
    with out.locked(None if request.shard is None else run):
        with out.writing_tables():
            out.claim(settings, overwrite=request.overwrite)
        with out.partial_folder(run):
            units = take_shard(
                plan_units(videos, with_partners=settings.reuse_boxes), request.shard
            )
            remaining = skip_done(
                units,
                out,
                root=request.root,
                settings=settings,
                retry_failed=request.retry_failed,
            )
            progress = _work(request, remaining, run)
        num_wanted = sum(len(unit.videos) for unit in units)
        with out.writing_tables():
            return _write_tables(out, videos, request, progress, num_wanted)


def list_videos(request: PreparationRequest) -> list[SourceVideo]:
    """Return the requested videos, in the order of their keys."""
    settings = request.settings
    layout = LAYOUTS[settings.layout]
    videos = (CsvLayout(request.columns) if request.columns else layout).list_videos(
        request.root,
        methods=request.methods,
        compressions=request.compressions,
        splits=request.splits,
        dataset_name=settings.dataset_name,
    )
    return limit_videos(videos, request.limit, with_partners=settings.reuse_boxes)


def _fingerprint_boxes(request: PreparationRequest) -> PreparationRequest:
    """Put the hash of the imported boxes into the settings; clips depend on them."""
    path = request.boxes_path
    if path is None:
        return request
    if not path.is_file():
        raise DataNotFoundError(f'no file of boxes {str(path)!r}')
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return replace(request, settings=replace(request.settings, imported_boxes=digest))


def _check_boxes(request: PreparationRequest, videos: Sequence[SourceVideo]) -> None:
    """Refuse a file of boxes that has none of the videos."""
    if request.boxes_path is None:
        return
    names = read_stil_boxes(request.boxes_path).keys()
    wanted = {box_name(video) for video in videos}
    if not wanted & names:
        raise DataError(
            f'{str(request.boxes_path)!r} has boxes of {len(names)} videos (such as '
            f'{min(names)!r}), but of none of the {len(wanted)} to prepare (such as '
            f'{min(wanted)!r}); give the file of this dataset'
        )


def _work(
    request: PreparationRequest, units: list[WorkUnit], run: str
) -> ProgressReport:
    """Prepare what remains, and report the progress."""
    order = WorkerSettings(
        root=request.root,
        out=request.out,
        run=run,
        settings=request.settings,
        boxes_path=request.boxes_path and request.boxes_path.absolute(),
        build_detector=request.build_detector,
    )
    num_videos = sum(len(unit.videos) for unit in units)
    with ProgressReport(num_videos, shown=request.shows_progress) as progress:
        with closing(_execute(request, units, order)) as outcomes:  # ends the workers
            for outcome in outcomes:
                progress.add(outcome)
    return progress


def _execute(
    request: PreparationRequest, units: list[WorkUnit], order: WorkerSettings
) -> Generator[VideoOutcome, None, None]:
    if not units:
        return
    if request.executor == 'ray':
        yield from run_on_ray(
            units,
            order,
            address=request.ray_address,
            num_workers=request.num_workers,
            limits=request.limits,
        )
    elif request.num_workers == 0:
        yield from run_here(units, order)
    else:
        num_workers = request.num_workers or num_cores()
        yield from run_locally(
            units, order, num_workers=num_workers, limits=request.limits
        )


def num_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _write_tables(
    out: OutputFolder,
    videos: Sequence[SourceVideo],
    request: PreparationRequest,
    progress: ProgressReport,
    num_wanted: int,
) -> PreparationSummary:
    """Write the manifest and the report from all that is in the output."""
    fingerprint = request.settings.fingerprint()
    prepared = [v for v in find_prepared(out) if v.fingerprint == fingerprint]
    num_lines = write_manifest(prepared, out.manifest)
    coverage = count_coverage([(v.key, v.split) for v in videos], prepared)
    leaks, wrong_quality = find_leaks(prepared), find_wrong_quality(prepared)
    write_report(out, coverage, leaks, wrong_quality, prepared)
    return PreparationSummary(
        num_prepared=progress.num_done,
        num_kept=num_wanted - progress.num_done,
        num_frames=progress.num_frames,
        seconds=progress.seconds,
        num_lines=num_lines,
        coverage=coverage,
        leaks=leaks,
        wrong_quality=wrong_quality,
    )
