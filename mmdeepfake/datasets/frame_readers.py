"""Random access to the frames of a dataset's item, whatever its storage."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Protocol

import cv2
import numpy as np

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.video.clip_storage import is_clip, open_clip
from mmdeepfake.video.video_reader import VideoFileReader


class FrameReader(Protocol):
    """Random access to a video's frames, in any storage.

    A reader that decodes frames one by one may also have `read_each`, which yields the
    frames.

    Attributes:
        fps: frames per second, if known.
    """

    fps: float | None

    def __len__(self) -> int: ...

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Read the frames at `indices`: (F, H, W, 3) uint8, RGB."""
        ...


class FrameFolderReader:
    """Frames of a folder, named as for MMAction2's `RawFrameDecode`.

    Args:
        folder: folder with one image per frame.
        template: file name with a placeholder for the frame number.
        num_frames: number of frames.
        offset: number of the first frame.
        fps: frames per second, if known.
    """

    def __init__(
        self,
        folder: str,
        template: str,
        num_frames: int,
        *,
        offset: int = 0,
        fps: float | None = None,
    ) -> None:
        self._folder = folder
        self._template = template
        self._num_frames = num_frames
        self._offset = offset
        self.fps = fps

    def __len__(self) -> int:
        return self._num_frames

    def read(self, indices: np.ndarray) -> np.ndarray:
        """See `FrameReader`; all images must have one size."""
        return np.stack(list(self.read_each(indices)))

    def read_each(self, indices: np.ndarray) -> Iterator[np.ndarray]:
        """Read each frame into its own array, which saves a copy."""
        shape = None
        for index in indices:
            name = self._template.format(int(index) + self._offset)
            path = os.path.join(self._folder, name)
            if not os.path.isfile(path):
                raise DataNotFoundError(f'no frame {os.path.abspath(path)!r}')
            frame = cv2.imread(path, cv2.IMREAD_COLOR)
            if frame is None:
                raise DataError(f'frame {path!r} is empty, truncated or not an image')
            shape = shape or frame.shape
            if frame.shape != shape:
                raise DataError(
                    f'frame {path!r} is {frame.shape[1]} x {frame.shape[0]} pixels, '
                    f'others in its folder are {shape[1]} x {shape[0]}; all must '
                    'have one size'
                )
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


def open_reader(results: dict, *, num_threads: int = 1) -> FrameReader:
    """Open the video of a dataset's item: a file, a face clip or a folder."""
    if 'frame_dir' in results:
        return FrameFolderReader(
            results['frame_dir'],
            results['filename_tmpl'],
            results['total_frames'],
            offset=results.get('offset', 0),
            fps=results.get('fps'),
        )
    if is_clip(results['filename']):
        return open_clip(results['filename'])
    return VideoFileReader(results['filename'], num_threads=num_threads)
