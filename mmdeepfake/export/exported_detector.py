"""Run an exported detector of any format."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.files.checkpoint_reading import TRUST_VARIABLE

from .metadata import read_metadata

Session = Callable[[Tensor], tuple[Tensor, ...]]


@dataclass(frozen=True)
class ExportedScores:
    """The output of an exported detector for V videos of S snippets.

    Attributes:
        fake_scores: (V,) P(fake) of each video, before any temperature.
        logits: (V, 2), whose softmax is (P(real), P(fake)).
        snippet_scores: (V, S) P(fake) of each snippet, or fewer columns if the model
            groups snippets; None if it does not score them.
    """

    fake_scores: Tensor
    logits: Tensor
    snippet_scores: Tensor | None


class ExportedDetector:
    """A file written by `tools/export.py`, ready to score.

    ONNX files are graphs of known operators; ONNX Runtime runs nothing else. Torch's
    two formats are programs: TorchScript can read and write files, and reading
    torch.export's archive evaluates text and may unpickle. They are opened only if the
    caller trusts the file.

    Args:
        path: `.onnx`, `.torchscript` or `.pt2`.
        device: 'cpu', 'cuda' or 'cuda:1'.
        trust: whether to run the code in the file; None reads the environment variable
            that checkpoints use as well.

    Raises:
        DataNotFoundError: the file does not exist.
        DataError: it is not an exported detector, or is not trusted.
        ConfigError: the device or the package for the format is missing.
    """

    def __init__(
        self,
        path: str | pathlib.Path,
        *,
        device: str = 'cpu',
        trust: bool | None = None,
    ) -> None:
        path = pathlib.Path(path)
        self.path = path
        try:
            self.metadata = read_metadata(path)
            if self.metadata.format != 'onnx':
                _check_trust(path, trust)
            open_file = _SESSIONS[self.metadata.format]
            self._session = open_file(path, torch.device(device))
        except ImportError as error:
            raise ConfigError(
                f"{path} needs the package {error.name}: pip install '.[export]'"
            ) from error

    def __call__(self, frames: Tensor | np.ndarray) -> ExportedScores:
        """Score videos.

        Args:
            frames: (V, S, T, 3, H, W) uint8, RGB; sizes as in the file's metadata.

        Raises:
            DataError: the frames have another type or shape.
        """
        frames = torch.as_tensor(frames)
        self._check_frames(frames)
        values = self._session(frames.contiguous())
        found = dict(zip(self.metadata.outputs, values, strict=True))
        return ExportedScores(
            fake_scores=found['fake_scores'],
            logits=found['logits'],
            snippet_scores=found.get('snippet_scores'),
        )

    def _check_frames(self, frames: Tensor) -> None:
        metadata = self.metadata
        wanted = (metadata.clip_len, 3, metadata.height, metadata.width)
        if frames.dtype != torch.uint8:
            raise DataError(
                f'frames of type {frames.dtype} for {self.path.name}: need uint8, not '
                'normalised'
            )
        if frames.dim() != 6 or tuple(frames.shape[2:]) != wanted or not len(frames):
            raise DataError(
                f'frames of shape {tuple(frames.shape)} for {self.path.name}: need '
                f'(videos, snippets, {", ".join(map(str, wanted))})'
            )
        metadata.check_num_snippets(frames.shape[1])


def _check_trust(path: pathlib.Path, trust: bool | None) -> None:
    if trust is None:
        trust = os.environ.get(TRUST_VARIABLE, '').lower() in ('1', 'true', 'yes')
    if not trust:
        raise DataError(
            f'{path}: opening a file of this format may run code in it. If you trust '
            f'its author, pass --trust-checkpoint or set {TRUST_VARIABLE}=1; ONNX '
            'files need no trust'
        )


def _open_onnx(path: pathlib.Path, device: torch.device) -> Session:
    import onnxruntime

    provider = {'cpu': 'CPUExecutionProvider', 'cuda': 'CUDAExecutionProvider'}
    wanted = provider.get(device.type)
    if wanted not in onnxruntime.get_available_providers():
        raise ConfigError(
            f'device {device} for {path}: this ONNX Runtime has '
            f'{", ".join(onnxruntime.get_available_providers())}; for CUDA install '
            'onnxruntime-gpu'
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    settings = {'device_id': device.index or 0} if device.type == 'cuda' else {}
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=[(wanted, settings)]
        )
        (frames,) = session.get_inputs()
    except Exception as error:  # its errors share no base class
        raise DataError(
            f'ONNX Runtime {onnxruntime.__version__} cannot open {path}: '
            f'{describe_failure(error)}'
        ) from error

    def run(batch: Tensor) -> tuple[Tensor, ...]:
        found = session.run(None, {frames.name: batch.cpu().numpy()})
        return tuple(torch.from_numpy(np.asarray(value)) for value in found)

    return run


def _open_torchscript(path: pathlib.Path, device: torch.device) -> Session:
    with _torch_errors(path):
        module = torch.jit.load(str(path), map_location=device)
    return _on_device(module, device)


def _open_torch_export(path: pathlib.Path, device: torch.device) -> Session:
    with _torch_errors(path):
        program = torch.export.load(path)
    if device.type != 'cpu':
        from torch.export.passes import move_to_device_pass

        program = move_to_device_pass(program, device)
    return _on_device(program.module(), device)


def _on_device(module: torch.nn.Module, device: torch.device) -> Session:
    def run(batch: Tensor) -> tuple[Tensor, ...]:
        with torch.no_grad():
            return tuple(value.cpu() for value in module(batch.to(device)))

    return run


@contextlib.contextmanager
def _torch_errors(path: pathlib.Path):
    try:
        yield
    except RuntimeError as error:
        first = str(error).strip().splitlines()[0]
        raise DataError(
            f'torch {torch.__version__} cannot open {path}: {first}'
        ) from error


_SESSIONS: dict[str, Callable[[pathlib.Path, torch.device], Session]] = {
    'onnx': _open_onnx,
    'torchscript': _open_torchscript,
    'torch_export': _open_torch_export,
}


def describe_failure(error: Exception) -> str:
    """Return the type of an exporter's or engine's error and its most useful line.

    TorchScript's interpreter ends with the cause; all others begin with it.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    line = lines[-1] if 'TorchScript interpreter' in lines[0] else lines[0]
    return f'{type(error).__name__}: {line}'
