"""What an exported file says of itself, and how that is read without running it."""

from __future__ import annotations

import json
import pathlib
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.bounded_reading import parse_json, shorten
from mmdeepfake.files.record_fields import check_fields

METADATA_KEY = 'mmdeepfake'  # in the properties of ONNX
METADATA_FILE = 'mmdeepfake.json'  # among the extra files of torch's archives
SUFFIXES = {'onnx': '.onnx', 'torchscript': '.torchscript', 'torch_export': '.pt2'}
MAX_METADATA_BYTES = 1 << 20
_LAYOUT_VERSION = 1


@dataclass(frozen=True)
class ExportMetadata:
    """What one must know to feed an exported detector and to read its scores.

    Attributes:
        format: 'onnx', 'torchscript' or 'torch_export'.
        config: file name of the config.
        model: its parts, in words.
        checkpoint: file name of the checkpoint.
        checkpoint_sha256: of the whole file.
        outputs: names, in order.
        num_snippets: S at test.
        snippet_step: S may be any multiple of it; None: S is `num_snippets` alone.
        clip_len: T, frames of a snippet.
        stride_frames: distance between two of them in the video.
        height: rows of a frame, in pixels.
        width: columns of a frame, in pixels.
        is_3d: what the model itself takes; a file takes one layout whichever that is.
        mean: of each channel, RGB; subtracted inside of the graph.
        std: of each channel; divided by inside of the graph.
        threshold: a video is called fake from this P(fake) on, after the temperature.
        temperature: sigmoid(logit(score) / temperature) is the calibrated score. It is
            not applied inside of the graph.
        is_calibrated: whether the two were chosen on validation videos.
        num_parameters: of the model.
        opset: version of ONNX's operators; None in other formats.
        made_with: versions of mmdeepfake and torch.
        layout_version: of these fields.
    """

    format: str
    config: str
    model: str
    checkpoint: str
    checkpoint_sha256: str
    outputs: tuple[str, ...]
    num_snippets: int
    snippet_step: int | None
    clip_len: int
    stride_frames: int
    height: int
    width: int
    is_3d: bool
    mean: tuple[float, ...]
    std: tuple[float, ...]
    threshold: float
    temperature: float
    is_calibrated: bool
    num_parameters: int
    opset: int | None
    made_with: str
    layout_version: int = _LAYOUT_VERSION

    def __post_init__(self) -> None:
        counts = ('num_snippets', 'clip_len', 'stride_frames', 'height', 'width')
        for name in counts:
            if getattr(self, name) < 1:
                raise ValueError(f'{name} {getattr(self, name)}: allowed is 1 or more')
        if self.snippet_step is not None and self.snippet_step < 1:
            raise ValueError(f'snippet_step {self.snippet_step}: allowed is 1 or more')
        if not self.temperature > 0:
            raise ValueError(f'temperature {self.temperature}: one above 0 is needed')
        if not {'fake_scores', 'logits'} <= set(self.outputs):
            raise ValueError(
                f'outputs {shorten(self.outputs)}: fake_scores or logits is missing'
            )

    def to_json(self) -> str:
        """Give all fields as JSON."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str, *, source: str) -> ExportMetadata:
        """Read what `to_json` gave.

        Raises:
            DataError: it is none, or of a later version.
        """
        try:
            fields = parse_json(text)
            version = fields['layout_version']
            if version == _LAYOUT_VERSION:
                fields = check_fields(cls, fields)
                lists = ('outputs', 'mean', 'std')
                fields.update({name: tuple(fields[name]) for name in lists})
                return cls(**fields)
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(
                f'{source}: its {METADATA_KEY} fields cannot be read ({error}); export '
                'the checkpoint again'
            ) from error
        raise DataError(
            f'{source}: its {METADATA_KEY} fields are of version {shorten(version)}, '
            f'read is {_LAYOUT_VERSION}; export the checkpoint again with this version'
        )

    def check_num_snippets(self, num_snippets: int) -> None:
        """Refuse a number of snippets that the file does not take.

        A format may not refuse it by itself, and mix snippets of two videos.
        """
        step = self.snippet_step
        fits = num_snippets == self.num_snippets if step is None else (
            num_snippets > 0 and num_snippets % step == 0
        )  # fmt: skip
        if not fits:
            allowed = f'{self.num_snippets} alone' if step is None else (
                f'multiples of {step}'
            )  # fmt: skip
            raise DataError(
                f'{num_snippets} snippets a video for {self.model}: allowed are '
                f'{allowed}'
            )


def read_metadata(path: str | pathlib.Path) -> ExportMetadata:
    """Read the fields from a file of any format, without running anything of it.

    Raises:
        DataNotFoundError: there is no such file.
        DataError: it was not written by `tools/export.py`.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise DataNotFoundError(f'no such exported file: {path}')
    if path.suffix not in SUFFIXES.values():
        raise DataError(
            f'{path}: the suffixes of exported files are {", ".join(SUFFIXES.values())}'
        )
    read = _read_onnx if path.suffix == SUFFIXES['onnx'] else _read_archive
    text = read(path)
    if text is None:
        raise DataError(
            f'{path} has no {METADATA_KEY} fields: it was not written by '
            'tools/export.py, or is no such file at all'
        )
    told = ExportMetadata.from_json(text, source=str(path))
    if SUFFIXES.get(told.format) != path.suffix:
        raise DataError(
            f'{path} says that its format is {told.format!r}, which its suffix '
            f'contradicts; allowed are '
            + ', '.join(f'{name} in {suffix}' for name, suffix in SUFFIXES.items())
        )
    return told


def _read_onnx(path: pathlib.Path) -> str | None:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, RecursionError) as error:
        raise DataError(f'{path} is no ONNX file, or is cut short') from error
    if any(map(_is_outside, _find_tensors(model))):
        raise DataError(
            f'{path} keeps weights in other files: what tools/export.py writes is '
            'one file, and other files are not opened'
        )
    fields = {field.key: field.value for field in model.metadata_props}
    return fields.get(METADATA_KEY)


def _find_tensors(message: Any) -> Iterator[Any]:
    """Give every tensor of a message of ONNX, wherever it stands.

    Weights lie in the graph, but also in the attributes of its nodes, in the graphs of
    branches and loops, in functions and in sparse tensors.
    """
    if message.DESCRIPTOR.name == 'TensorProto':
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        # A single message, or a container of them.
        for part in [value] if hasattr(value, 'ListFields') else value:
            yield from _find_tensors(part)


def _is_outside(tensor: Any) -> bool:
    return bool(tensor.external_data) or tensor.data_location != tensor.DEFAULT


def _read_archive(path: pathlib.Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(f'/extra/{METADATA_FILE}'):
                    with archive.open(name) as file:
                        return file.read(MAX_METADATA_BYTES).decode('utf-8')
    except OSError:
        raise
    except Exception as error:  # torn bytes make zipfile and zlib fail in many ways
        raise DataError(f'{path} is no archive of torch, or is cut short') from error
    return None
