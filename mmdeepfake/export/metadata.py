"""The metadata of an exported file, read without running the file."""

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
DEFAULT_OPSET = 18  # ours: supported since ONNX Runtime 1.14
MAX_METADATA_BYTES = 1 << 20
_LAYOUT_VERSION = 1


@dataclass(frozen=True)
class ExportMetadata:
    """What a caller needs to run an exported detector and to interpret its scores.

    Attributes:
        format: a key of `SUFFIXES`.
        config: file name.
        model: names of its parts.
        checkpoint: file name.
        outputs: names, in order.
        num_snippets: S at test.
        snippet_step: S may be any multiple of it; None allows `num_snippets` only.
        clip_len: T, frames per snippet.
        stride_frames: distance between two of them in the video.
        is_3d: input of the model itself; the file takes the same layout in any case.
        mean: per channel, RGB; subtracted inside the graph.
        std: per channel; applied inside the graph.
        threshold: lowest P(fake) that is called fake, after the temperature.
        temperature: sigmoid(logit(score) / temperature) is the calibrated score;
            not applied inside the graph.
        is_calibrated: whether both were chosen on validation videos.
        opset: version of ONNX's operators; None for other formats.
        made_with: versions of mmdeepfake and torch.
        lower_threshold: lowest P(fake) that is uncertain, up to `threshold`; None in
            older files.
        training_data: of a `TrainingData`; None if unknown.
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
    lower_threshold: float | None = None
    training_data: dict[str, Any] | None = None
    layout_version: int = _LAYOUT_VERSION

    def __post_init__(self) -> None:
        counts = ('num_snippets', 'clip_len', 'stride_frames', 'height', 'width')
        for name in (*counts, 'snippet_step'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f'{name} {value} is below 1')
        if not self.temperature > 0:
            raise ValueError(f'temperature {self.temperature} is not above 0')
        if not {'fake_scores', 'logits'} <= set(self.outputs):
            raise ValueError(
                f'outputs {shorten(self.outputs)}: fake_scores or logits is missing'
            )

    @property
    def allowed_snippets(self) -> str:
        """Allowed numbers of snippets per video, in words."""
        if self.snippet_step is None:
            return f'{self.num_snippets} only'
        step = self.snippet_step
        return 'any number' if step == 1 else f'multiples of {step}'

    def to_json(self) -> str:
        """Return all fields as JSON."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str, *, source: str) -> ExportMetadata:
        """Read the text that `to_json` returned.

        Raises:
            DataError: a field is missing or invalid, or the version is unknown.
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
                f'{source}: invalid {METADATA_KEY} fields ({error}); export it again'
            ) from error
        raise DataError(
            f'{source}: its {METADATA_KEY} fields have version {shorten(version)}, '
            f'supported is {_LAYOUT_VERSION}; export the checkpoint again with this '
            'version of mmdeepfake'
        )

    def check_num_snippets(self, num_snippets: int) -> None:
        """Raise if the file does not take this number of snippets.

        An engine may accept it nevertheless, and mix snippets of two videos.
        """
        step = self.snippet_step
        allowed = num_snippets == self.num_snippets
        if step is not None:
            allowed = num_snippets > 0 and num_snippets % step == 0
        if not allowed:
            raise DataError(
                f'{num_snippets} snippets per video for {self.model}; allowed: '
                f'{self.allowed_snippets}'
            )


def read_metadata(path: str | pathlib.Path) -> ExportMetadata:
    """Read the metadata of a file of any format, without running the file.

    Raises:
        DataNotFoundError: the file does not exist.
        DataError: it was not written by `tools/export.py`.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise DataNotFoundError(f'no such exported file: {path}')
    if path.suffix not in SUFFIXES.values():
        raise DataError(f'{path}: exported files end in {", ".join(SUFFIXES.values())}')
    read = _read_onnx if path.suffix == SUFFIXES['onnx'] else _read_archive
    text = read(path)
    if text is None:
        raise DataError(
            f'{path} was not written by tools/export.py: no {METADATA_KEY} fields'
        )
    metadata = ExportMetadata.from_json(text, source=str(path))
    if SUFFIXES.get(metadata.format) != path.suffix:
        raise DataError(
            f'{path}: its metadata name the format {metadata.format!r}, whose suffix '
            f'is {SUFFIXES.get(metadata.format)}; rename the file or export it again'
        )
    return metadata


def _read_onnx(path: pathlib.Path) -> str | None:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, RecursionError) as error:
        raise DataError(f'{path} is not an ONNX file, or is truncated') from error
    if any(map(_is_outside, _find_tensors(model))):
        raise DataError(
            f'{path} keeps weights in other files, which are not opened; '
            'tools/export.py writes a single file'
        )
    fields = {field.key: field.value for field in model.metadata_props}
    return fields.get(METADATA_KEY)


def _find_tensors(message: Any) -> Iterator[Any]:
    """Yield every tensor of an ONNX message.

    Weights are in the graph, but also in attributes of nodes, in the graphs of
    branches and loops, in functions and in sparse tensors.
    """
    if message.DESCRIPTOR.name == 'TensorProto':
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        # A single message or a container of messages.
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
    except Exception as error:  # damaged bytes make zipfile and zlib fail in many ways
        raise DataError(f'{path} is not a torch archive, or is truncated') from error
    return None
