"""Any MMDetection detector, by its config and checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import ConfigError, DataNotFoundError

from .detector import Faces


class MMDetDetector:
    """Finds faces with an MMDetection model, through its inferencer.

    Args:
        config: path of an MMDetection config, or a name from its model zoo.
        checkpoint: path or URL of the weights. None takes the model zoo's for a name; a
            config file needs one, since random weights find only noise.
        face_class: index of the class that is a face; None if all are.
        min_score: minimum confidence of a face.
        device: such as 'cpu' or 'cuda:0'; None takes a GPU if there is one.
    """

    name = 'mmdet'

    def __init__(
        self,
        config: str,
        checkpoint: str | None = None,
        *,
        face_class: int | None = 0,
        min_score: float = 0.3,
        device: str | None = None,
    ) -> None:
        _check_files(config, checkpoint)
        self._inferencer = _import_inferencer()(
            model=config, weights=checkpoint, device=device, show_progress=False
        )
        classes = self._inferencer.model.dataset_meta.get('classes') or ()
        if face_class is not None and not 0 <= face_class < max(len(classes), 1):
            known = ', '.join(f'{i} {name!r}' for i, name in enumerate(classes))
            raise ConfigError(
                f"face_class {face_class} of detector 'mmdet'; allowed are None and "
                f'the classes of {config}: {known}'
            )
        self._face_class = face_class
        self._min_score = min_score

    def detect(self, frames: Sequence[NDArray[np.uint8]]) -> list[Faces]:
        """Find the faces of each frame, (H, W, 3) RGB, all in one batch."""
        if not len(frames):
            return []
        # MMDetection expects arrays in OpenCV's order, BGR.
        images = [np.ascontiguousarray(frame[..., ::-1]) for frame in frames]
        found = self._inferencer(
            images, batch_size=len(images), no_save_vis=True, no_save_pred=True
        )['predictions']
        size = frames[0].shape[:2]
        return [self._select(prediction, size) for prediction in found]

    def _select(self, prediction: dict, frame_size: tuple[int, int]) -> Faces:
        boxes = np.array(prediction['bboxes'], np.float32).reshape(-1, 4)
        scores = np.array(prediction['scores'], np.float32)
        boxes = boxes.clip(0, np.array(2 * frame_size[::-1], np.float32))
        kept = (scores >= self._min_score) & (boxes[:, :2] < boxes[:, 2:]).all(1)
        if self._face_class is not None:
            kept &= np.array(prediction['labels'], int) == self._face_class
        return Faces(boxes[kept], scores[kept])


def _check_files(config: str, checkpoint: str | None) -> None:
    if not config.endswith('.py'):
        return
    if not Path(config).is_file():
        raise DataNotFoundError(f"no config {config!r} for detector 'mmdet'")
    if checkpoint is None:
        raise ConfigError(
            f"detector 'mmdet' got the config {config!r} without a checkpoint; give "
            'the path or URL of its weights'
        )
    if '://' not in checkpoint and not Path(checkpoint).is_file():
        raise DataNotFoundError(f"no checkpoint {checkpoint!r} for detector 'mmdet'")


def _import_inferencer() -> type:
    try:
        from mmdet.apis import DetInferencer
    except (ImportError, AssertionError) as error:  # it asserts mmcv's version
        raise ConfigError(
            "detector 'mmdet' needs MMDetection and the compiled mmcv; mmcv-lite lacks "
            f'its operators ({error}). Run pip uninstall mmcv-lite, then pip install '
            "'setuptools<81' wheel psutil ninja, then MMCV_WITH_OPS=1 pip install "
            "--no-build-isolation 'mmcv<2.2' mmdet"
        ) from error
    return DetInferencer
