"""What `tools/infer.py` begins before torch is imported."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path

from mmdeepfake.files.media_files import is_video_name
from mmdeepfake.inference.choices import SETTINGS, STARTER
from mmdeepfake.inference.early_faces import EarlyFaces
from mmdeepfake.prepare.preparation_settings import PreparationSettings
from mmdeepfake.video.isolation.isolated_video import IsolatedDecoder
from mmdeepfake.video.isolation.process_limits import DecodingLimits
from mmdeepfake.video.local_decoding import LocalDecoder, VideoDecoder


@contextlib.contextmanager
def find_faces_early(args: argparse.Namespace) -> Iterator[EarlyFaces | None]:
    """Look for the faces of the first video, if the starter is to score it.

    Whatever is wrong is left to the usual way, which tells it.
    """
    path = Path(args.inputs[0])
    has_settings = args.checkpoint is None and args.prepared_as is None
    is_needed = args.faces != 'whole' and not args.resume
    early = None
    if has_settings and is_needed and is_video_name(path.name) and args.isolation:
        with contextlib.suppress(Exception):
            settings = PreparationSettings.read(STARTER / SETTINGS)
            early = EarlyFaces(path, settings, make_decoder(args))
    try:
        yield early
    finally:
        if early is not None:
            early.close()


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
