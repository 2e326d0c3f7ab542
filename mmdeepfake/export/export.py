"""Write a checkpoint as a file for other engines: the command `tools/export.py`."""

from __future__ import annotations

import argparse
import hashlib
import os
import pathlib
from dataclasses import asdict

import torch
from mmengine.config import Config

from mmdeepfake.engine.build import load_config
from mmdeepfake.engine.hooks.strict_checkpoint_hook import describe_model
from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.evaluation.operating_point import OperatingPoint
from mmdeepfake.files.atomic_write import replacing
from mmdeepfake.files.checkpoint_reading import TRUST_VARIABLE
from mmdeepfake.inference.decision import UNCALIBRATED_THRESHOLD, find_operating_point
from mmdeepfake.inference.predictors import load_model
from mmdeepfake.structures.training_data import TRAINING_DATA
from mmdeepfake.version import __version__

from .detector_graph import DetectorGraph, find_snippet_step
from .exported_detector import ExportedDetector
from .frame_layout import read_frame_layout, read_normalisation
from .graph_writers import write_file
from .metadata import SUFFIXES, ExportMetadata
from .parity import TOLERANCE, ExportReport, check_parity


def run_export(args: argparse.Namespace) -> None:
    """Export as the command line says, and print the report."""
    out = pathlib.Path(args.out)
    if out.suffix != SUFFIXES[args.format]:
        raise ConfigError(
            f'--out {out}: files of --format {args.format} end in '
            f'{SUFFIXES[args.format]}'
        )
    if args.trust_checkpoint:
        os.environ[TRUST_VARIABLE] = '1'
    report = export_detector(
        args.config,
        args.checkpoint,
        out,
        file_format=args.format,
        opset=args.opset,
        operating_point=args.operating_point,
        cfg_options=args.cfg_options,
        keep_failing=args.keep_failing,
    )
    print(report.describe())
    print(f'Written: {out} and {out}.json')


def export_detector(
    config: str | pathlib.Path,
    checkpoint: str,
    out: pathlib.Path,
    *,
    file_format: str,
    opset: int,
    operating_point: str | None = None,
    cfg_options: dict | None = None,
    keep_failing: bool = False,
) -> ExportReport:
    """Write a checkpoint to `out`, check its numbers, and write `out`.json.

    The file has a temporary name until its numbers are checked.

    `file_format` is a key of `metadata.SUFFIXES`, `opset` the version of ONNX's
    operators; `keep_failing` keeps a file whose numbers differ.

    Raises:
        DataError: the numbers differ, or the checkpoint does not fit.
        ConfigError: the model cannot be exported.
    """
    cfg = load_config(config, cfg_options)
    graph = load_graph(cfg, checkpoint)
    metadata = describe_export(
        graph,
        cfg,
        checkpoint,
        file_format=file_format,
        opset=opset,
        operating_point=operating_point,
    )
    report_file = out.with_name(f'{out.name}.json')
    # Both temporary files are complete before either is renamed.
    with (
        replacing(report_file) as report_draft,
        replacing(out, suffix=out.suffix) as draft,
    ):
        operators = write_file(graph, metadata, draft)
        # This process has just written the file, so it is trusted.
        checks = check_parity(ExportedDetector(draft, trust=True), graph)
        report = ExportReport.of_file(draft, metadata, operators, checks)
        if not report.passed and not keep_failing:
            raise DataError(
                f'the exported file differs from the model by more than {TOLERANCE:g} '
                f'and was not kept; --keep-failing keeps it.\n{report.describe()}'
            )
        report_draft.write_text(report.to_json(), encoding='utf-8')
    return report


def load_graph(cfg: Config, checkpoint: str) -> DetectorGraph:
    """Build the config's model with all of its weights and wrap it for export.

    Raises:
        ConfigError: the config's frames or normalisation cannot be read.
        InputError: see `load_model`.
    """
    layout = read_frame_layout(cfg)
    mean, std = read_normalisation(cfg)
    model, meta = load_model(cfg, pathlib.Path(checkpoint))
    graph = DetectorGraph(
        model, layout, mean=mean, std=std, training_data=meta.get(TRAINING_DATA)
    )
    return graph.train(False)


def describe_export(
    graph: DetectorGraph,
    cfg: Config,
    checkpoint: str,
    *,
    file_format: str,
    opset: int | None,
    operating_point: str | None = None,
) -> ExportMetadata:
    """Return the metadata of the file; see `find_operating_point`."""
    weights = pathlib.Path(checkpoint)
    path = find_operating_point(weights, operating_point)
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    point = path and OperatingPoint.read(path, checkpoint_sha256=sha256)
    return ExportMetadata(
        format=file_format,
        config=pathlib.Path(cfg.filename).name,
        model=describe_model(cfg.model),
        checkpoint=weights.name,
        checkpoint_sha256=sha256,
        outputs=graph.output_names,
        **asdict(graph.layout),
        snippet_step=choose_snippet_step(graph, file_format),
        mean=tuple(graph.mean.flatten().tolist()),
        std=tuple(graph.std.flatten().tolist()),
        threshold=point.threshold if point else UNCALIBRATED_THRESHOLD,
        temperature=point.temperature if point else 1.0,
        is_calibrated=point is not None,
        num_parameters=sum(p.numel() for p in graph.model.parameters()),
        opset=opset if file_format == 'onnx' else None,
        made_with=f'mmdeepfake {__version__}, torch {torch.__version__}',
        lower_threshold=point.uncertain_from if point else UNCALIBRATED_THRESHOLD,
        training_data=graph.training_data,
    )


def choose_snippet_step(graph: DetectorGraph, file_format: str) -> int | None:
    """Return `find_snippet_step`, or None if torch would not finish tracing.

    In models that group single frames every block divides their number again, and
    torch's symbolic arithmetic, used by ONNX and torch.export, grows with each
    division.
    """
    step = find_snippet_step(graph)
    is_symbolic = file_format in ('onnx', 'torch_export')
    if is_symbolic and graph.layout.clip_len == 1 and step != 1:
        return None
    return step
