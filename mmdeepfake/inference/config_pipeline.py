"""The test pipeline of a config, run on frames that are handed to it.

What a model is shown here is made by the steps that its test made it: the sampler gives
the lengths, and what stands behind the sampler (cropping, resizing, packing) is run as
it is. Only where the frames come from, and which of them are taken, is ours.
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
# Its videos are prepared face clips; other classes show whole frames to the pipeline.
_PREPARED_DATASET = 'DeepfakeDataset'


@dataclass(frozen=True)
class Sampling:
    """How many frames make a snippet, and how many snippets the model sees at once.

    Attributes:
        num_snippets: S of the config's test.
        clip_len: T, frames of a snippet.
        stride_frames: distance between two of them.
    """

    num_snippets: int
    clip_len: int
    stride_frames: int

    @property
    def span(self) -> int:
        """Frames from a snippet's first to its last, both counted."""
        return (self.clip_len - 1) * self.stride_frames + 1


@dataclass(frozen=True, eq=False)
class PackedGroup:
    """S snippets of one face as a model takes them.

    Attributes:
        inputs: uint8, (S*T, 3, H, W) or, for 3D models, (S, 3, T, H, W).
        crop_boxes: (S*T, 4) pixels of the frames that were read: what was cut out.
    """

    inputs: Tensor
    crop_boxes: NDArray[np.float64]


class KeptFrames:
    """Some frames of a video, held in memory; reads like any video of the pipeline.

    Args:
        frames: frames by their index, in whatever form `decode` takes.
        decode: makes (H, W, 3) uint8 RGB of one.
        num_frames: of the whole video.
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
        """See `datasets.transforms.decoding.FrameReader`."""
        return np.stack([self._decode(self._frames[int(i)]) for i in indices])


class ConfigPipeline:
    """The test pipeline of a config, its sampler taken out.

    Attributes:
        sampling: see `Sampling`.
        needs_faces: whether the config's videos are prepared face clips; if not, its
            pipeline takes whole frames and crops them as it says.
        min_frames: frames that a face needs to be scored.
        num_threads: of the decoder, as the config has it.

    Args:
        cfg: the model's config.

    Raises:
        ConfigError: it has no test data, or samples in another way than
            `SampleSnippets` in the middle of equal segments.
    """

    def __init__(self, cfg: Mapping[str, Any]) -> None:
        path, dataset = _test_dataset(cfg)
        self.needs_faces = dataset.get('type') == _PREPARED_DATASET
        steps = [TRANSFORMS.build(step) for step in dataset['pipeline']]
        places = [i for i, s in enumerate(steps) if isinstance(s, SampleSnippets)]
        if len(places) != 1 or steps[places[0]].position != 'centred':
            raise ConfigError(
                f'{path}.pipeline: inference needs one SampleSnippets with '
                f"position='centred' in it, as all configs of ours have at test; it "
                f'has {[type(step).__name__ for step in steps]}'
            )
        self._sampler = steps[places[0]]
        before, after = steps[: places[0]], steps[places[0] + 1 :]
        for step in before:
            if not isinstance(step, OpenVideo):
                raise ConfigError(
                    f'{path}.pipeline: {type(step).__name__} before SampleSnippets '
                    'changes the video as a whole; inference takes it as it is'
                )
        kinds = [isinstance(step, DecodeFrames) for step in after]
        if not (kinds[:1] == [True] and isinstance(after[-1], PackActionInputs)):
            raise ConfigError(
                f'{path}.pipeline: inference needs DecodeFrames behind SampleSnippets '
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
        """Choose the frames that a test of the config would: (S*T,), T innermost."""
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
            reader: gives the frames, see `KeptFrames`.
            frame_indices: (S*T,), T innermost.
            face_boxes: (F, 4) pixels, one for each frame of the reader; None where the
                pipeline has to crop without.
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
        whole = np.array([[0, 0, width, height]], np.float64)
        boxes = results.get('crop_boxes', whole.repeat(len(frame_indices), axis=0))
        packed = self._steps[-1](results)
        return PackedGroup(packed['inputs'], np.asarray(boxes, np.float64))


def _test_dataset(cfg: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    for path, dataset in find_datasets(cfg):
        if path.startswith('test_dataloader') and 'pipeline' in dataset:
            return path, dataset
    raise ConfigError(
        'the config has no test_dataloader with a pipeline; inference prepares a video '
        'as the test of the model does'
    )
