"""The test pipeline of a config, applied to given frames.

The sampler gives the lengths; the steps after it (cropping, resizing, packing) run
unchanged. Only the source and the choice of frames are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmaction.datasets.transforms import PackActionInputs
from numpy.typing import NDArray
from torch import Tensor

from mmdeepfake.datasets.transforms import DecodeFrames, OpenVideo, SampleSnippets
from mmdeepfake.engine.config_checks import find_datasets
from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import TRANSFORMS

Frames = NDArray[np.uint8]
# Their videos are prepared face clips; other datasets pass full frames.
_PREPARED_DATASETS = ('DeepfakeDataset', 'PseudoFakeDataset')


@dataclass(frozen=True)
class Sampling:
    """Sizes of a snippet and of a group of snippets.

    Attributes:
        num_snippets: S of the config's test, snippets per group.
        clip_len: T, frames per snippet.
        stride_frames: distance between two of them.
    """

    num_snippets: int
    clip_len: int
    stride_frames: int

    @property
    def span(self) -> int:
        """Frames from a snippet's first to its last, inclusive."""
        return (self.clip_len - 1) * self.stride_frames + 1


@dataclass(frozen=True, eq=False)
class PackedGroup:
    """S snippets of one face as model input.

    Attributes:
        inputs: uint8, (S*T, 3, H, W) or, for 3D models, (S, 3, T, H, W).
        crop_boxes: (S*T, 4) the crops, in pixels of the frames that were read.
    """

    inputs: Tensor
    crop_boxes: NDArray[np.float64]


class KeptFrames:
    """Some frames of a video in memory, with the interface of a video reader.

    Args:
        frames: frames by index, as `decode` takes them.
        decode: returns a frame as (H, W, 3) uint8 RGB.
        num_frames: of the complete video.
    """

    fps = None

    def __init__(
        self,
        frames: Mapping[int, Any],
        decode: Callable[[Any], Frames],
        num_frames: int,
    ) -> None:
        self._frames = frames
        self._decode = decode
        self._num_frames = num_frames

    def __len__(self) -> int:
        return self._num_frames

    def read(self, indices: NDArray[np.integer]) -> Frames:
        """See `datasets.frame_readers.FrameReader`."""
        return np.stack([self._decode(self._frames[int(i)]) for i in indices])


class ConfigPipeline:
    """The test pipeline of a config without its sampler.

    Attributes:
        sampling: see `Sampling`.
        needs_faces: whether the config's videos are prepared face clips; if not, its
            pipeline crops full frames.
        min_frames: minimum length of a face that is scored.
        num_threads: of the decoder.

    Raises:
        ConfigError: it has no test data, or does not sample with `SampleSnippets` in
            the middle of equal segments.
    """

    def __init__(self, cfg: Mapping[str, Any]) -> None:
        path, dataset = _test_dataset(cfg)
        self.needs_faces = dataset.get('type') in _PREPARED_DATASETS
        steps = [TRANSFORMS.build(step) for step in dataset['pipeline']]
        places = [i for i, s in enumerate(steps) if isinstance(s, SampleSnippets)]
        if len(places) != 1 or steps[places[0]].position != 'centred':
            raise ConfigError(
                f'{path}.pipeline: inference needs one SampleSnippets with '
                f"position='centred'; it has {[type(step).__name__ for step in steps]}"
            )
        self._sampler = steps[places[0]]
        before, after = steps[: places[0]], steps[places[0] + 1 :]
        for step in before:
            if not isinstance(step, OpenVideo):
                raise ConfigError(
                    f'{path}.pipeline: inference does not support '
                    f'{type(step).__name__} before SampleSnippets'
                )
        kinds = [isinstance(step, DecodeFrames) for step in after]
        if not (kinds[:1] == [True] and isinstance(after[-1], PackActionInputs)):
            raise ConfigError(
                f'{path}.pipeline: inference needs DecodeFrames after SampleSnippets '
                'and PackActionInputs at the end'
            )
        self.num_threads = before[0].num_threads if before else 1
        self._steps = after
        self.sampling = Sampling(
            self._sampler.num_snippets,
            self._sampler.clip_len,
            self._sampler.stride_frames,
        )
        self.min_frames = self._sampler.min_frames

    def sample_for_test(self, num_frames: int) -> NDArray[np.int64]:
        """Return the frames that the config's test samples: (S*T,), T innermost."""
        taken: dict = self._sampler.transform({'total_frames': num_frames})
        return taken['frame_inds']

    def pack(
        self,
        reader: Any,
        frame_indices: NDArray[np.int64],
        face_boxes: NDArray[np.float32] | None,
    ) -> PackedGroup:
        """Read, crop and pack S snippets.

        Args:
            reader: see `KeptFrames`.
            frame_indices: (S*T,), T innermost.
            face_boxes: (F, 4) pixels, one per frame of the reader; None if the
                pipeline crops without boxes.
        """
        results: dict[str, Any] = dict(
            video_reader=reader,
            total_frames=len(reader),
            frame_inds=frame_indices,
            num_clips=self.sampling.num_snippets,
            clip_len=self.sampling.clip_len,
            frame_interval=self.sampling.stride_frames,
            start_index=0,
        )
        if face_boxes is not None:
            results['face_boxes'] = face_boxes
        for step in self._steps[:-1]:
            results = step(results)
        height, width = results['original_shape']
        full = np.array([[0, 0, width, height]], np.float64)
        boxes = results.get('crop_boxes', full.repeat(len(frame_indices), axis=0))
        packed = self._steps[-1](results)
        return PackedGroup(packed['inputs'], np.asarray(boxes, np.float64))


def _test_dataset(cfg: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    for path, dataset in find_datasets(cfg):
        if path.startswith('test_dataloader') and 'pipeline' in dataset:
            return path, dataset
    raise ConfigError(
        'the config has no test_dataloader with a pipeline, which inference needs'
    )
