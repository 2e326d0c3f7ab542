"""Find the faces of the first video while torch is imported and the model is built.

Neither is needed to find faces, and importing keeps one core busy for seconds.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path

from mmdeepfake.faces.detection import build_detector
from mmdeepfake.prepare.face_finding import FoundFaces, detect_faces
from mmdeepfake.prepare.preparation_settings import PreparationSettings
from mmdeepfake.video.frame_sources import VideoFile
from mmdeepfake.video.local_decoding import VideoDecoder
from mmdeepfake.video.watched_frames import WatchedFrames

_LOOK_SECONDS = 0.5
# Python's, 5 ms, would let a thread that waits for its turn wait for most of the time.
_SWITCH_SECONDS = 0.0005


class EarlyFaces:
    """The faces of a video, looked for in a thread of its own from now on.

    Attributes:
        settings: of the search.
        detector: in use.

    Args:
        path: of the video.
        settings: of the search.
        decoder: opens the video.

    Raises:
        InputError: the detector cannot be built.
    """

    def __init__(
        self, path: Path, settings: PreparationSettings, decoder: VideoDecoder
    ) -> None:
        self.settings, self._path, self._decoder = settings, path, decoder
        self.detector = build_detector(settings.detector, **settings.detector_options)
        self._num_frames = 0
        self._is_wanted = True
        self._found: Future[tuple[VideoFile, FoundFaces]] = Future()
        self._switch_seconds = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_SECONDS)
        # Does not keep the process alive: its decoder may hang.
        threading.Thread(target=self._find, daemon=True).start()

    def take(
        self,
        path: Path,
        settings: PreparationSettings,
        report: Callable[[int], None],
    ) -> tuple[VideoFile, FoundFaces] | None:
        """Return the open video and its faces, once; None if these are others.

        Args:
            path: of the video whose faces are wanted.
            settings: by which they are wanted.
            report: called with the frames done while they are awaited; may raise to
                give up.

        Raises:
            DataError: the video cannot be read.
        """
        if not self._is_wanted or (path, settings) != (self._path, self.settings):
            return None
        try:
            while not wait([self._found], _LOOK_SECONDS).done:
                report(self._num_frames)
            return self._found.result()
        finally:
            self.close()

    def close(self) -> None:
        """Give up what was not taken."""
        self._is_wanted = False
        sys.setswitchinterval(self._switch_seconds)
        wait([self._found], _LOOK_SECONDS)

    def _find(self) -> None:
        try:
            source = self._decoder.open_video(self._path)
            frames = WatchedFrames(source, self._count)
            found = detect_faces(frames, self.detector, self.settings)
            self._found.set_result((source, found))
        except BaseException as error:
            self._found.set_exception(error)

    def _count(self) -> None:
        self._num_frames += 1
        if not self._is_wanted:
            raise InterruptedError
