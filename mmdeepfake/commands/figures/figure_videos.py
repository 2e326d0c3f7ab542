"""Read frames, masks and originals of a config's test videos for figures."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import _load_checkpoint
from numpy.typing import NDArray
from torch import Tensor, nn

from mmdeepfake.datasets.video_item import read_face_boxes
from mmdeepfake.engine.hooks.strict_checkpoint_hook import (
    describe_difference,
    describe_model,
)
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.registry import DATASETS, MODELS
from mmdeepfake.structures import FAKE, REAL, VideoKey

_CHANGED = 128  # of 255: threshold of a mask's pixels
# Ours; coding at c23 changes an unforged pixel by a few levels.
_DIFFERENT_LEVELS = 20


@dataclass(frozen=True)
class FigureVideo:
    """One video as seen by the model.

    Attributes:
        key: see `VideoKey`.
        frames: (F, H, W, 3) uint8, RGB, the F = S*T sampled frames, not normalised.
        inputs: (F, 3, H, W) uint8, the same frames as packed by the pipeline.
        data_sample: as packed by the pipeline.
        clip_len: T.
        frame_indices: (F,) of the frames in the video.
    """

    key: VideoKey
    frames: NDArray[np.uint8]
    inputs: Tensor
    data_sample: Any
    clip_len: int
    frame_indices: NDArray[np.int64]


class FigureVideos:
    """The videos of one split of a config's test data, by manipulation and name.

    Args:
        cfg: a config with a test_dataloader.
        split: 'train', 'val' or 'test'.
        num_contiguous: take that many consecutive frames from the middle of each video;
            None samples as in the config's test.
    """

    def __init__(
        self, cfg: Config, *, split: str = 'test', num_contiguous: int | None = None
    ) -> None:
        init_default_scope(cfg.get('default_scope', 'mmaction'))
        if cfg.get('test_dataloader') is None:
            raise ConfigError('the config has no test_dataloader')
        dataset = copy.deepcopy(cfg.test_dataloader.dataset.to_dict())
        dataset.update(split=split, test_mode=True)
        if num_contiguous is not None:
            dataset['pipeline'] = sample_in_a_row(dataset['pipeline'], num_contiguous)
        self.split = split
        self._dataset = DATASETS.build(dataset)
        items = (self._dataset.get_data_info(i) for i in range(len(self._dataset)))
        self._items = {item['video_key']: item for item in items}

    def methods(self) -> list[str]:
        """Return the names of all manipulations, sorted."""
        return sorted({key.method for key in self._items if key.label == FAKE})

    def fakes(self, method: str) -> list[VideoKey]:
        """Return the keys of one manipulation's fakes, sorted.

        Raises:
            ConfigError: there are none.
        """
        keys = sorted(
            key for key in self._items if key.label == FAKE and key.method == method
        )
        if not keys:
            raise ConfigError(
                f'no fakes of {method!r} in split {self.split!r}; it has '
                f'{", ".join(self.methods()) or "no fakes"}'
            )
        return keys

    def choose_fake(self, method: str, name: str | None = None) -> VideoKey:
        """Return the fake of this name, or the first one of the manipulation."""
        keys = self.fakes(method)
        if name is None:
            return keys[0]
        for key in keys:
            if key.name == name:
                return key
        names = ', '.join(key.name for key in keys[:8])
        raise ConfigError(
            f'{name!r}: no such fake of {method} in split {self.split!r}; it has '
            f'{names}{", ..." if len(keys) > 8 else ""}'
        )

    def read(self, key: VideoKey) -> FigureVideo:
        """Decode and crop a video by the test pipeline."""
        return self._run(self._items[key], key)

    def read_original(self, key: VideoKey) -> FigureVideo:
        """Read the original of a fake, cropped like the fake.

        A face clip is already cropped by its own boxes, so only positions within the
        face correspond, not pixels.
        """
        item = self._items[key]
        original = key.name.split('_')[0]  # FaceForensics++'s TARGET_SOURCE
        real = key._replace(label=REAL, method='real', name=original)
        if real not in self._items:
            raise DataNotFoundError(
                f'fake {key}: its original {real} is not in split {self.split!r} '
                "(found by FaceForensics++'s names, TARGET_SOURCE)"
            )
        found = dict(self._items[real])
        if found['track_file'] is None and 'face_boxes' in item:
            found['face_boxes'] = item['face_boxes']
        return self._run(found, real)

    def read_masks(self, key: VideoKey) -> NDArray[np.bool_]:
        """Return (F, H, W), whether a pixel was changed, from the mask file.

        Raises:
            DataNotFoundError: the video has no mask.
        """
        item = dict(self._items[key])
        if not item['mask']:
            raise DataNotFoundError(
                f'video {key} has no mask file; use --truth difference for its pixel '
                'difference to the original'
            )
        boxed = self._with_boxes(item)
        boxed.pop('frame_dir', None)
        masks = self._run({**boxed, 'filename': item['mask'], 'track_file': None}, key)
        expected = self._sampled_indices(item, key)
        if not np.array_equal(masks.frame_indices, expected):
            raise DataError(
                f'mask {item["mask"]!r} of video {key} has another number of frames '
                'than the video'
            )
        return masks.frames.max(axis=-1) >= _CHANGED

    def read_differences(self, key: VideoKey) -> NDArray[np.float32]:
        """Return (F, H, W) in 0..1, mean absolute difference to the original.

        Raises:
            ConfigError: the videos are face clips, whose pixels do not correspond.
        """
        if self._items[key]['track_file'] is not None:
            raise ConfigError(
                f'video {key} is a face clip, cropped by its own boxes, so its pixels '
                'do not correspond to its original; use --truth mask, or unprepared '
                'videos'
            )
        pair = self.read(key).frames, self.read_original(key).frames
        fake, real = (frames.astype(np.float32) for frames in pair)
        return np.abs(fake - real).mean(axis=-1) / 255

    def read_truth(self, key: VideoKey, *, truth: str) -> NDArray[np.bool_]:
        """Return (F, H, W), the changed pixels by 'mask' file or 'difference'."""
        if truth == 'mask':
            return self.read_masks(key)
        return self.read_differences(key) >= _DIFFERENT_LEVELS / 255

    def _with_boxes(self, item: Mapping) -> dict:
        boxed = dict(item)
        if boxed['track_file'] is not None:
            boxed['face_boxes'] = read_face_boxes(boxed)
        return boxed

    def _sampled_indices(self, item: Mapping, key: VideoKey) -> NDArray[np.int64]:
        return self._run(item, key).frame_indices

    def _run(self, item: Mapping, key: VideoKey) -> FigureVideo:
        packed = self._dataset.pipeline(self._with_boxes(item))
        inputs, sample = packed['inputs'], packed['data_samples']
        if inputs.dim() != 4:
            raise ConfigError(
                f'the test pipeline packs inputs of shape {tuple(inputs.shape)}: '
                "figures need FormatShape(input_format='NCHW')"
            )
        for name in ('frame_inds', 'clip_len'):
            if name not in sample:
                raise ConfigError(
                    f"figures need {name!r} among the meta_keys of the test pipeline's "
                    'PackActionInputs'
                )
        return FigureVideo(
            key=key,
            frames=inputs.permute(0, 2, 3, 1).numpy(),
            inputs=inputs,
            data_sample=sample,
            clip_len=int(sample.clip_len),
            frame_indices=np.asarray(sample.frame_inds).reshape(-1),
        )


def sample_in_a_row(pipeline: list[dict], num_frames: int) -> list[dict]:
    """Replace the sampler of a pipeline by one snippet of `num_frames` frames."""
    sampler = dict(
        type='SampleSnippets', num_snippets=1, clip_len=num_frames, position='centred'
    )
    replaced = [sampler if s['type'] == 'SampleSnippets' else s for s in pipeline]
    if sampler not in replaced:
        raise ConfigError(
            'the test pipeline has no SampleSnippets to replace: '
            f'{", ".join(step["type"] for step in pipeline)}'
        )
    return replaced


def load_detector(cfg: Config, checkpoint: str, *, device: str = 'cpu') -> nn.Module:
    """Build a config's model with the weights of a checkpoint, in eval mode.

    Raises:
        DataError: the checkpoint is of another architecture.
    """
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    model = revert_sync_batchnorm(MODELS.build(cfg.model))
    found = _load_checkpoint(checkpoint, map_location='cpu')
    weights = found.get('state_dict', found)
    difference = describe_difference(model.state_dict(), weights)
    if difference:
        raise DataError(
            f'checkpoint {checkpoint} does not match the architecture of the config '
            f'({describe_model(cfg.model)}): {difference}'
        )
    model.load_state_dict(weights, strict=False)
    return model.to(device).eval()
