"""From a config and a checkpoint to the graph of a detector."""

from __future__ import annotations

import hashlib
import pathlib

import torch
from mmengine.config import Config

from mmdeepfake.engine.hooks.strict_checkpoint_hook import describe_model
from mmdeepfake.evaluation.operating_point import OPERATING_POINT_FILE, OperatingPoint
from mmdeepfake.inference.predictors import load_model
from mmdeepfake.version import __version__

from .detector_graph import DetectorGraph, find_snippet_step
from .frame_layout import read_frame_layout, read_normalisation
from .metadata import ExportMetadata

UNCALIBRATED_THRESHOLD = 0.5


def load_graph(cfg: Config, checkpoint: str) -> DetectorGraph:
    """Build the config's model, load its weights strictly and wrap it for export.

    Raises:
        ConfigError: the config's frames or its normalisation cannot be told.
        InputError: see `load_model`.
    """
    layout = read_frame_layout(cfg)
    mean, std = read_normalisation(cfg)
    model, _ = load_model(cfg, pathlib.Path(checkpoint))
    return DetectorGraph(model, layout, mean=mean, std=std).train(False)


def describe_export(
    graph: DetectorGraph,
    cfg: Config,
    checkpoint: str,
    *,
    file_format: str,
    opset: int | None,
    operating_point: str | None = None,
) -> ExportMetadata:
    """Gather what the file will say of itself.

    Args:
        graph: of the model.
        cfg: its config.
        checkpoint: path of its weights.
        file_format: one of `metadata.SUFFIXES`.
        opset: of ONNX.
        operating_point: path of the file with threshold and temperature; None takes
            the one beside the checkpoint, if there is one.
    """
    beside = pathlib.Path(checkpoint).parent / OPERATING_POINT_FILE
    path = pathlib.Path(operating_point) if operating_point else beside
    is_calibrated = operating_point is not None or beside.is_file()
    point = OperatingPoint.read(path) if is_calibrated else None
    layout = graph.layout
    return ExportMetadata(
        format=file_format,
        config=pathlib.Path(cfg.filename).name,
        model=describe_model(cfg.model),
        checkpoint=pathlib.Path(checkpoint).name,
        checkpoint_sha256=hashlib.sha256(
            pathlib.Path(checkpoint).read_bytes()
        ).hexdigest(),
        outputs=graph.output_names,
        num_snippets=layout.num_snippets,
        snippet_step=_choose_snippet_step(graph, file_format),
        clip_len=layout.clip_len,
        stride_frames=layout.stride_frames,
        height=layout.height,
        width=layout.width,
        is_3d=layout.is_3d,
        mean=tuple(graph.mean.flatten().tolist()),
        std=tuple(graph.std.flatten().tolist()),
        threshold=point.threshold if point else UNCALIBRATED_THRESHOLD,
        temperature=point.temperature if point else 1.0,
        is_calibrated=is_calibrated,
        num_parameters=sum(p.numel() for p in graph.model.parameters()),
        opset=opset if file_format == 'onnx' else None,
        made_with=f'mmdeepfake {__version__}, torch {torch.__version__}',
    )


def _choose_snippet_step(graph: DetectorGraph, file_format: str) -> int | None:
    """Give `find_snippet_step`, or None where torch would not come to an end.

    Where single frames are taken in groups, every block divides their number anew, and
    torch's arithmetic of symbols, by which two of the formats are traced, grows with
    each division.
    """
    step = find_snippet_step(graph)
    is_symbolic = file_format in ('onnx', 'torch_export')
    if is_symbolic and graph.layout.clip_len == 1 and step != 1:
        return None
    return step
