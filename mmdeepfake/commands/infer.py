"""Score videos, for `tools/infer.py`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from mmdeepfake.errors import DataError, InputError
from mmdeepfake.files.checkpoint_reading import TRUST_VARIABLE
from mmdeepfake.files.file_hash import hash_file
from mmdeepfake.files.folder_lock import hold_lock
from mmdeepfake.files.printable_text import count_noun, show_name
from mmdeepfake.inference.detector_loading import announce
from mmdeepfake.inference.inferencer import DeepfakeInferencer, Progress
from mmdeepfake.inference.result_page import describe_verdict
from mmdeepfake.inference.result_writers import write_video_results
from mmdeepfake.inference.results import VideoResult
from mmdeepfake.inference.video_list import RequestedVideo, list_videos
from mmdeepfake.prepare.output_folder import OutputFolder
from mmdeepfake.prepare.preparation_settings import PreparationSettings
from mmdeepfake.prepare.progress import format_time
from mmdeepfake.prepare.video_preparation import is_disk_error, output_error
from mmdeepfake.structures import FAILED
from mmdeepfake.video.isolation.isolated_video import IsolatedDecoder
from mmdeepfake.video.isolation.process_limits import DecodingLimits
from mmdeepfake.video.local_decoding import LocalDecoder, VideoDecoder

from .command_line import EXIT_VIDEOS_FAILED
from .videos_table import VIDEOS_HTML, VideosTable

_LOCK = '.lock'


def run_inference(args: argparse.Namespace) -> int:
    """Score the given videos; return the exit code, not 0 if some failed."""
    if args.trust_checkpoint:
        os.environ[TRUST_VARIABLE] = '1'
    out = Path(args.out)
    if out.exists() and not out.is_dir():
        raise DataError(f'--out {args.out!r} is a file; give a folder')
    videos = list_videos([Path(one) for one in args.inputs], out=out)
    inferencer = make_inferencer(args)
    print(announce(inferencer, is_starter=args.checkpoint is None), file=sys.stderr)
    if not inferencer.is_calibrated:
        print(
            f'The threshold {inferencer.threshold:g} is not calibrated '
            f'({inferencer.facts["threshold_origin"]}): its false positive rate is '
            'unknown. tools/calibrate.py chooses one.',
            file=sys.stderr,
        )
    _make_folder(out)
    table = VideosTable(out, videos)
    files = dict(annotate=args.video, report=args.report)
    try:
        with hold_lock(out / _LOCK):
            if args.resume:
                num_kept = table.resume(inferencer.facts, **files)
                text = f'{count_noun(num_kept, "video")} of {len(videos)} done before'
                print(text, file=sys.stderr)
            _score(inferencer, table, _Display(table, shown=not args.quiet), files)
    except OSError as error:
        if isinstance(error, InputError) or not is_disk_error(error):
            raise
        raise output_error(out, error) from error
    finally:
        table.write()
    print(f'{table.counts()}; {out / VIDEOS_HTML}')
    return EXIT_VIDEOS_FAILED if table.num_failed else 0


def _score(
    inferencer: DeepfakeInferencer,
    table: VideosTable,
    display: _Display,
    files: Mapping[str, bool],
) -> None:
    """Score the videos that have no row yet."""
    videos = table.waiting()
    with display:
        results = inferencer.infer_many(
            [video.path for video in videos], progress=display.show
        )
        for video, result in zip(videos, results, strict=True):
            write_video_results(
                result,
                table.out / video.folder,
                inferencer.facts,
                **files,
                video_sha256=_hash(video.path),
                on_frame=display.drawing(result),
                decoder=inferencer.decoder,
            )
            table.add(result, video)
            display.finish(video, result)


def _hash(path: Path) -> str | None:
    """Return the SHA-256 of a video, None if it is gone."""
    try:
        return hash_file(path)
    except OSError:
        return None


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f'--out {str(out)!r} cannot be created: {error.strerror}; give a writable '
            'folder'
        ) from error


def make_inferencer(args: argparse.Namespace) -> DeepfakeInferencer:
    """Build the inferencer of the command line."""
    preparation = None
    if args.prepared_as is not None:
        preparation = PreparationSettings.read(OutputFolder(args.prepared_as).settings)
    return DeepfakeInferencer(
        args.config,
        args.checkpoint,
        cfg_options=args.cfg_options,
        device=args.device,
        batch_size=args.batch_size,
        operating_point=args.operating_point,
        threshold=args.threshold,
        track_rule=args.track_rule,
        ignore_training_domain=args.ignore_training_domain,
        preparation=preparation,
        faces=args.faces,
        step_frames=args.step_frames,
        window_seconds=args.window_seconds,
        dtype=args.dtype,
        heat_map=args.heat_map,
        decoder=make_decoder(args),
        timeout_seconds=args.timeout,
    )


def make_decoder(args: argparse.Namespace) -> VideoDecoder:
    """Build the video decoder of the command line."""
    if not args.isolation:
        return LocalDecoder()
    return IsolatedDecoder(
        DecodingLimits(
            stall_seconds=args.stall_timeout,
            memory_bytes=int(args.worker_memory * 2**30),
        )
    )


class _Display:
    """Two progress bars on a terminal, for all videos and this one; else only lines."""

    def __init__(self, table: VideosTable, *, shown: bool) -> None:
        self._shown = shown
        self._num_videos = len(table.waiting())
        self._num_done, self._start = 0, time.monotonic()
        console = Console(stderr=True)
        self._bars = Bars(
            TextColumn('{task.description}', markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not (shown and console.is_terminal),
        )
        self._all = self._bars.add_task('videos', total=self._num_videos)
        self._one = self._bars.add_task('', total=None)

    def __enter__(self) -> _Display:
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def show(self, progress: Progress) -> None:
        """Move the bar of the current video."""
        self._bars.update(
            self._one,
            description=show_name(f'{progress.stage} {progress.video}'),
            completed=progress.done,
            total=progress.total,
        )

    def drawing(self, result: VideoResult) -> Any:
        """Return a callback for the progress of the annotated video."""

        def show_drawn(num_frames: int) -> None:
            self.show(Progress(result.name, 'draw', num_frames, result.num_frames))

        return show_drawn

    def _place(self) -> str:
        """Return such as '[3/20, about 1:40 left]'."""
        left = self._num_videos - self._num_done
        seconds = (time.monotonic() - self._start) / self._num_done * left
        more = f', about {format_time(seconds)} left' if left else ''
        return f'[{self._num_done}/{self._num_videos}{more}]'

    def finish(self, video: RequestedVideo, result: VideoResult) -> None:
        """Print the verdict of a video."""
        self._bars.advance(self._all)
        self._num_done += 1
        if self._shown:
            text = result.fault if result.status == FAILED else describe_verdict(result)
            kind = 'failed: ' if result.status == FAILED else ''
            self._bars.console.print(
                f'{self._place()} {show_name(f"{video.name}: {kind}{text}")}',
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
