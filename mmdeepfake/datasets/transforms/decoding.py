"""Opening videos and decoding the sampled frames, with errors that name the file.

Both transforms take video files, stored face clips (told by their suffix, see
`video.clip_storage`) and folders of frames, so that one pipeline serves all three.
Video files are decoded with PyAV, see `video.video_reader`: decord took a fifth more
time for the same frames, and gives others where groups of pictures are open. One thread
a video, since the data workers are the parallelism.

Unlike MMAction2's `DecordInit` and `DecordDecode`, which work with the sampler as well,
these open the file by its path instead of reading it into memory first, decode a frame
that is asked for twice only once, and never add '.mp4' to a name.
"""

from __future__ import annotations

import os
from typing import Protocol

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.registry import TRANSFORMS
from mmdeepfake.video.clip_storage import is_clip, open_clip
from mmdeepfake.video.video_reader import VideoFileReader


class FrameReader(Protocol):
    """Random access to a video's frames, however they are stored.

    A reader that decodes frames one by one may also have `read_each`, which gives what
    `read` gives as a list.

    Attributes:
        fps: frames per second, where known.
    """

    fps: float | None

    def __len__(self) -> int: ...

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Give the frames at `indices`: (F, H, W, 3) uint8, RGB."""
        ...


class FrameFolderReader:
    """Frames of a folder, as MMAction2's `RawFrameDecode` names them.

    Args:
        folder: with one picture a frame.
        template: how a number becomes a file name.
        num_frames: of the video.
        offset: number of the first frame.
        fps: frames per second, where known.
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
        """See `FrameReader`; all pictures must have one size."""
        return np.stack(self.read_each(indices))

    def read_each(self, indices: np.ndarray) -> list[np.ndarray]:
        """Read pictures as `read` does, each into an array of its own: a copy less."""
        frames: list[np.ndarray] = []
        for index in indices:
            name = self._template.format(int(index) + self._offset)
            path = os.path.join(self._folder, name)
            if not os.path.isfile(path):
                raise DataNotFoundError(f'no frame {os.path.abspath(path)!r}')
            frame = cv2.imread(path, cv2.IMREAD_COLOR)
            if frame is None:
                raise DataError(f'frame {path!r} is empty, truncated or no picture')
            if frames and frame.shape != frames[0].shape:
                raise DataError(
                    f'frame {path!r} is {frame.shape[1]} x {frame.shape[0]} pixels, '
                    f'others of its folder are {frames[0].shape[1]} x '
                    f'{frames[0].shape[0]}; all must have one size'
                )
            frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        return frames


def open_reader(results: dict, *, num_threads: int = 1) -> FrameReader:
    """Open the video that a dataset's item names: a file, a face clip or a folder."""
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


@TRANSFORMS.register_module()
class OpenVideo(BaseTransform):
    """Open the video and count its frames.

    Required keys: filename, or frame_dir, filename_tmpl and total_frames, and
        optionally offset and fps. A total_frames of a file must be right.
    Added keys: video_reader (see `FrameReader`), total_frames and, where known,
        avg_fps.

    Args:
        num_threads: decoder threads of one video file; 0 lets FFmpeg choose. Face clips
            take one, since their frames are few.
    """

    def __init__(self, num_threads: int = 1) -> None:
        self.num_threads = num_threads

    def transform(self, results: dict) -> dict:
        """Add the keys named in the class docstring."""
        reader = open_reader(results, num_threads=self.num_threads)
        listed = results.get('total_frames')
        if listed is not None and listed != len(reader):
            name = results.get('filename', results.get('frame_dir'))
            raise DataError(
                f'video {name!r}: its decoder tells of {len(reader)} frames, {listed} '
                'are shown or were listed; its header is damaged or it was cut by an '
                'edit list. Copy or encode it again, or take it out of the dataset'
            )
        results['video_reader'] = reader
        results['total_frames'] = len(reader)
        if reader.fps:
            results['avg_fps'] = reader.fps
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(num_threads={self.num_threads})'


@TRANSFORMS.register_module()
class DecodeFrames(BaseTransform):
    """Decode the frames that the sampler chose.

    Required keys: frame_inds, and video_reader or what `OpenVideo` needs.
    Added keys:
        imgs: list of (H, W, 3) uint8 arrays, RGB, one for each of `frame_inds`, none
            sharing memory with another (MMAction2's `Flip` writes into them).
        original_shape, img_shape: (H, W).
    """

    def transform(self, results: dict) -> dict:
        """Decode each frame once, then put them in the sampler's order."""
        wanted = np.asarray(results['frame_inds']).reshape(-1)
        indices, places = np.unique(wanted, return_inverse=True)
        # Popped, since an open reader can neither be copied nor sent by a worker.
        reader = results.pop('video_reader', None) or open_reader(results)
        # Readers that decode frame by frame need no array of all of them.
        frames = getattr(reader, 'read_each', reader.read)(indices)
        # Copies, which cost a tenth of the decoding, only of those that come again.
        _, firsts = np.unique(places, return_index=True)
        is_first = np.isin(np.arange(len(places)), firsts)
        results['imgs'] = [
            frames[place] if first else frames[place].copy()
            for place, first in zip(places, is_first, strict=True)
        ]
        results['original_shape'] = results['imgs'][0].shape[:2]
        results['img_shape'] = results['imgs'][0].shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
