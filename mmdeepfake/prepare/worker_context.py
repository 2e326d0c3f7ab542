"""What a worker needs for any video, made once in each process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError
from mmdeepfake.faces.detection import FaceDetector, build_detector
from mmdeepfake.structures import FAILED, VideoKey

from .output_folder import OutputFolder
from .preparation_settings import PreparationSettings
from .prepared_video import PreparedVideo
from .stil_boxes import read_stil_boxes


@dataclass(frozen=True)
class WorkerSettings:
    """What every worker is told; plain data that can be sent to another machine.

    Attributes:
        root: the dataset as downloaded.
        out: the output folder.
        run: name of the run, see `OutputFolder.partial`.
        settings: of the preparation.
        boxes_path: file of imported boxes, where there is one.
        build_detector: makes the detector out of its name and options; another one
            than ours must be importable by name in the workers.
    """

    root: Path
    out: Path
    run: str
    settings: PreparationSettings
    boxes_path: Path | None = None
    build_detector: Callable[..., FaceDetector] = field(default=build_detector)


class WorkerContext:
    """`WorkerSettings` with what cannot be sent, built on first use."""

    def __init__(self, order: WorkerSettings) -> None:
        self.root = order.root
        self.settings = order.settings
        self.fingerprint = order.settings.fingerprint()
        self.out = OutputFolder(order.out)
        self.partial = self.out.partial(order.run)
        self._order = order
        # Called for every frame of a video that is worked at.
        self.report_progress: Callable[[], None] = _report_nothing

    @cached_property
    def detector(self) -> FaceDetector:
        """The face detector."""
        return self._order.build_detector(
            self.settings.detector, **self.settings.detector_options
        )

    def load_finished(self, key: VideoKey) -> PreparedVideo | None:
        """Read what a worker of this run finished; None where it did not."""
        try:
            done = PreparedVideo.load(self.out.folder_of(key))
        except DataError:
            return None
        is_ours = done is not None and done.fingerprint == self.fingerprint
        return done if is_ours and done.status != FAILED else None

    @cached_property
    def imported_boxes(self) -> dict[str, NDArray[np.float32]]:
        """Boxes by the name of the real video; empty without a file."""
        path = self._order.boxes_path
        return {} if path is None else read_stil_boxes(path)


def _report_nothing() -> None:
    """Nobody waits for progress where the work is done in the main process."""
