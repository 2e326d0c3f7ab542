"""What `tools/export.py` does: write a checkpoint as a file that other engines run."""

from __future__ import annotations

import argparse
import os
import pathlib

from mmdeepfake.engine.build import load_config
from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.files.atomic_write import replacing
from mmdeepfake.files.checkpoint_reading import TRUST_VARIABLE

from .exported_detector import ExportedDetector
from .graph_writers import write_file
from .loading import describe_export, load_graph
from .metadata import SUFFIXES
from .parity import TOLERANCE, check_parity
from .parity_report import ExportReport, make_report


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

    The file gets its name once it gives the model's numbers; until then it has a
    temporary one.

    Args:
        config: path of the config.
        checkpoint: path of its weights.
        out: path of the file.
        file_format: one of `metadata.SUFFIXES`.
        opset: version of ONNX's operators.
        operating_point: see `describe_export`.
        cfg_options: settings that replace those of the config.
        keep_failing: leave a file whose numbers differ; the report tells it.

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
    # Both drafts are whole before either gets its name.
    with replacing(report_file) as told, replacing(out, suffix=out.suffix) as draft:
        operators = write_file(graph, metadata, draft)
        # It was written a moment ago, by this very process.
        checks = check_parity(ExportedDetector(draft, trust=True), graph)
        report = make_report(draft, metadata, operators, checks)
        if not report.passed and not keep_failing:
            raise DataError(
                f'the exported file differs from the model by more than {TOLERANCE:g} '
                f'and was not kept; --keep-failing keeps it.\n{report.describe()}'
            )
        told.write_text(report.to_json(), encoding='utf-8')
    return report
