"""Write the graph of a detector to a file, one function per format."""

from __future__ import annotations

import contextlib
import io
import logging
import pathlib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from mmdeepfake.errors import ConfigError

from .adaptive_kernels import without_free_groups
from .detector_graph import DetectorGraph
from .exported_detector import describe_failure
from .metadata import METADATA_FILE, METADATA_KEY, ExportMetadata

INPUT_NAME = 'frames'
_AXES = ('videos', 'snippets')  # the first two, which may vary

Writer = Callable[[DetectorGraph, ExportMetadata, pathlib.Path], Counter]


def make_example(graph: DetectorGraph, metadata: ExportMetadata) -> Tensor:
    """Return the frames that a graph is traced with.

    A size of 1 would be taken for a constant, so there are two of everything that may
    vary.
    """
    count, step = metadata.num_snippets, metadata.snippet_step
    if step is not None and count < 2 * step:
        count = 2 * step
    return graph.layout.make_noise(2, count, seed=0)


def trace_program(graph: DetectorGraph, metadata: ExportMetadata) -> ExportedProgram:
    """Trace the graph with a free number of videos and, if allowed, of snippets."""
    step = metadata.snippet_step
    axes: dict[int, Dim] = {0: Dim(_AXES[0])}
    if step is not None:
        axes[1] = Dim(_AXES[1]) if step == 1 else step * Dim('groups')
    frames = make_example(graph, metadata)
    with torch.no_grad():
        return torch.export.export(
            graph, (frames,), dynamic_shapes=(axes,), strict=False
        )


def write_torch_export(
    graph: DetectorGraph, metadata: ExportMetadata, path: pathlib.Path
) -> Counter:
    """Write torch.export's archive; return the number of each operator in it."""
    program = trace_program(graph, metadata)
    # The archive keeps the example; only its shape matters.
    frames = make_example(graph, metadata)
    program.example_inputs = ((torch.zeros_like(frames[:1, :1]),), {})
    made = io.BytesIO()  # given a path, torch does not report a full disk
    torch.export.save(program, made, extra_files={METADATA_FILE: metadata.to_json()})
    path.write_bytes(made.getbuffer())
    calls = (node for node in program.graph.nodes if node.op == 'call_function')
    return Counter(str(node.target) for node in calls)


def write_onnx(
    graph: DetectorGraph, metadata: ExportMetadata, path: pathlib.Path
) -> Counter:
    """Write weights and metadata to one ONNX file; count its operators."""
    import onnx

    program = trace_program(graph, metadata)
    exported = torch.onnx.export(
        program,
        dynamo=True,
        verbose=False,
        opset_version=metadata.opset,
        input_names=[INPUT_NAME],
        output_names=list(metadata.outputs),
    )
    model = exported.model_proto
    _name_axes(model)
    del model.metadata_props[:]
    model.metadata_props.add(key=METADATA_KEY, value=metadata.to_json())
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return Counter(node.op_type for node in model.graph.node)


def write_torchscript(
    graph: DetectorGraph, metadata: ExportMetadata, path: pathlib.Path
) -> Counter:
    """Write a traced TorchScript archive; return the number of each operator in it."""
    with torch.no_grad():
        traced = torch.jit.trace(
            graph, (make_example(graph, metadata),), check_trace=False
        )
    made = io.BytesIO()
    torch.jit.save(traced, made, _extra_files={METADATA_FILE: metadata.to_json()})
    path.write_bytes(made.getbuffer())
    kinds = (node.kind() for node in traced.inlined_graph.nodes())
    return Counter(kind for kind in kinds if not kind.startswith('prim::'))


WRITERS: dict[str, Writer] = {
    'onnx': write_onnx,
    'torchscript': write_torchscript,
    'torch_export': write_torch_export,
}


def write_file(
    graph: DetectorGraph, metadata: ExportMetadata, path: pathlib.Path
) -> Counter:
    """Write the graph in the format of the metadata.

    Raises:
        ConfigError: torch cannot trace or translate the model.
    """
    try:
        with _without_warnings(), without_free_groups(graph):
            return WRITERS[metadata.format](graph, metadata, path)
    except OSError:  # e.g. a full disk
        raise
    except ImportError as error:
        raise ConfigError(
            f"{metadata.format} needs the package {error.name}: pip install '.[export]'"
        ) from error
    except Exception as error:  # torch's exporters raise about twenty kinds
        raise ConfigError(
            f'{metadata.model} cannot be exported as {metadata.format}: '
            + describe_failure(error)
        ) from error


def _name_axes(model: object) -> None:
    """Rename the free axes, which torch calls s41 and the like."""
    (frames,) = model.graph.input
    dims = frames.type.tensor_type.shape.dim
    names = {dims[i].dim_param: name for i, name in enumerate(_AXES)}
    names.pop('', None)  # an axis of fixed size
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in names:
                dim.dim_param = names[dim.dim_param]


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Suppress torch's warnings: the numbers are checked afterwards."""
    registry = logging.getLogger('torch.onnx._internal.exporter._registration')
    level = registry.level
    registry.setLevel(logging.ERROR)  # torchvision is missing
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', category=DeprecationWarning)
            warnings.filterwarnings('ignore', category=FutureWarning)
            warnings.filterwarnings('ignore', category=torch.jit.TracerWarning)
            warnings.filterwarnings('ignore', category=UserWarning, module='torch')
            yield
    finally:
        registry.setLevel(level)
