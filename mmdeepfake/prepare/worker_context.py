"""What a worker needs for every video, built once per process."""

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
    """Settings of every worker; plain data that can be sent to another machine.

    Attributes:
        root: the dataset as downloaded.
        out: the output folder.
        run: name of the run, see `OutputFolder.partial`.
        settings: of the preparation.
        boxes_path: file of imported boxes, if any.
        build_detector: builds the detector from its name and options; must be
            importable by name in the workers.
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
        # Called for every frame; a process that is watched replaces it.
        self.report_progress: Callable[[], None] = lambda: None

    @cached_property
    def detector(self) -> FaceDetector:
        """The face detector."""
        return self._order.build_detector(
            self.settings.detector, **self.settings.detector_options
        )

    @cached_property
    def imported_boxes(self) -> dict[str, NDArray[np.float32]]:
        """Boxes by the name of the real video; empty without a file."""
        path = self._order.boxes_path
        return {} if path is None else read_stil_boxes(path)

    def load_finished(self, key: VideoKey) -> PreparedVideo | None:
        """Return the record of a video that this run has prepared, else None."""
        try:
            done = PreparedVideo.load(self.out.folder_of(key))
        except DataError:
            return None
        is_ours = done is not None and done.fingerprint == self.fingerprint
        return done if is_ours and done.status != FAILED else None
