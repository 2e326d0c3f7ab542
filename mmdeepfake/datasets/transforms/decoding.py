"""Opening videos and decoding the sampled frames, with errors that name the file.

Both transforms take video files, stored face clips (told by their suffix, see
`prepare.clip_storage`) and folders of frames, so that one pipeline serves all three.
Video files are decoded by decord, which is frame-accurate on H.264 with B-frames and
about as fast as decoding in sequence with PyAV or OpenCV. One thread a video, since the
data workers are the parallelism.

Unlike MMAction2's `DecordInit` and `DecordDecode`, which work with the sampler as well,
these open the file by its path instead of reading it into memory first, decode a frame
that is asked for twice only once, and never add '.mp4' to a name.
"""

from __future__ import annotations

import os
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmdeepfake.prepare.clip_storage import ClipReader, is_clip, open_clip
from mmdeepfake.registry import TRANSFORMS
from mmdeepfake.structures import DataError, DataNotFoundError


def open_with_decord(path: str, *, num_threads: int) -> Any:
    """Open a video file as a `decord.VideoReader` that holds at least one frame.

    Raises:
        DataNotFoundError: there is no such file.
        DataError: it is empty, truncated, no video, or has no frame.
    """
    try:
        import decord
    except ImportError as error:
        raise ImportError(
            'decoding video files needs decord: pip install decord'
        ) from error
    if not os.path.isfile(path):
        raise DataNotFoundError(f'no video file {os.path.abspath(path)!r}')
    if os.path.getsize(path) == 0:
        raise DataError(f'video file {path!r} is empty (0 bytes); copy it again')
    try:
        reader = decord.VideoReader(path, num_threads=num_threads)
    except (RuntimeError, decord.DECORDError) as error:
        raise DataError(
            f'video file {path!r} ({os.path.getsize(path)} bytes) cannot be opened: it '
            'is truncated, or no video that FFmpeg reads; copy it again. decord says: '
            f'{_last_line(error)}'
        ) from error
    if len(reader) == 0:
        raise DataError(f'video file {path!r} has no frames; at least one is needed')
    return reader


def decode_with_decord(reader: Any, indices: np.ndarray, *, path: str) -> np.ndarray:
    """Decode the frames at `indices` (rising): (F, H, W, 3) uint8, RGB.

    Raises:
        DataError: the stream ends or breaks before the last of them.
    """
    import decord

    try:
        return reader.get_batch(indices).asnumpy()
    except (RuntimeError, IndexError, decord.DECORDError) as error:
        raise DataError(
            f'video file {path!r}: frames {_span_text(indices)} of {len(reader)} '
            'cannot be decoded; the file is truncated or damaged, copy it again. '
            f'decord says: {_last_line(error)}'
        ) from error


def read_frame_files(results: dict, indices: np.ndarray) -> list[np.ndarray]:
    """Read frames of a folder, as MMAction2's `RawFrameDecode` names them.

    Returns:
        F arrays (H, W, 3) uint8, RGB, all of one size.
    """
    offset = results.get('offset', 0)
    frames = []
    for index in indices:
        name = results['filename_tmpl'].format(int(index) + offset)
        path = os.path.join(results['frame_dir'], name)
        if not os.path.isfile(path):
            raise DataNotFoundError(f'no frame {os.path.abspath(path)!r}')
        frame = cv2.imread(path, cv2.IMREAD_COLOR)
        if frame is None:
            raise DataError(f'frame {path!r} is empty, truncated or no picture')
        if frames and frame.shape != frames[0].shape:
            raise DataError(
                f'frame {path!r} is {frame.shape[1]} x {frame.shape[0]} pixels, others '
                f'of its folder are {frames[0].shape[1]} x {frames[0].shape[0]}; all '
                'must have one size'
            )
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    return frames


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if 'rror' in line), lines[0] if lines else '?')


def _span_text(indices: np.ndarray) -> str:
    return f'{int(indices[0])} to {int(indices[-1])}'


@TRANSFORMS.register_module()
class OpenVideo(BaseTransform):
    """Open the video and count its frames.

    Required keys: filename, or frame_dir and total_frames.
    Added keys, for a file only: video_reader, total_frames, avg_fps.

    Args:
        num_threads: decoder threads of one video file; 0 lets FFmpeg choose. Face clips
            take one, since their frames are few.
    """

    def __init__(self, num_threads: int = 1) -> None:
        self.num_threads = num_threads

    def transform(self, results: dict) -> dict:
        """Add the keys named in the class docstring."""
        if 'frame_dir' in results:
            return results
        path = results['filename']
        if is_clip(path):
            reader = open_clip(path)
            fps = reader.fps
        else:
            reader = open_with_decord(path, num_threads=self.num_threads)
            fps = float(reader.get_avg_fps())
        results['video_reader'] = reader
        results['total_frames'] = len(reader)
        results['avg_fps'] = fps
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(num_threads={self.num_threads})'


@TRANSFORMS.register_module()
class DecodeFrames(BaseTransform):
    """Decode the frames that the sampler chose.

    Required keys: frame_inds, and video_reader with filename, or frame_dir with
    filename_tmpl and, optionally, offset.
    Added keys:
        imgs: list of (H, W, 3) uint8 arrays, RGB, one for each of `frame_inds`, none
            sharing memory with another (MMAction2's `Flip` writes into them).
        original_shape, img_shape: (H, W).
    """

    def transform(self, results: dict) -> dict:
        """Decode each frame once, then put them in the sampler's order."""
        wanted = np.asarray(results['frame_inds']).reshape(-1)
        indices, places = np.unique(wanted, return_inverse=True)
        if 'frame_dir' in results:
            frames = read_frame_files(results, indices)
        else:
            # Popped, since an open reader can neither be copied nor sent by a worker.
            reader = results.pop('video_reader')
            if isinstance(reader, ClipReader):
                with reader:
                    frames = reader.read(indices)
            else:
                frames = decode_with_decord(reader, indices, path=results['filename'])
        results['imgs'] = [frames[place].copy() for place in places]
        results['original_shape'] = results['imgs'][0].shape[:2]
        results['img_shape'] = results['imgs'][0].shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
