"""Run the tools on the stub dataset of `stubs/`."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from mmengine.logging import MMLogger

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'tests/stubs/stub_config.py'


def run_tool(
    *words: str | Path, cwd: Path, code: int = 0, seconds: float = 600, **variables: str
) -> subprocess.CompletedProcess:
    """Run a command line in a folder and check its exit code.

    Args:
        words: the command; one that ends in .py runs under this Python.
        cwd: where it runs: the tools must not care.
        code: expected exit code.
        seconds: it may take.
        variables: added to the environment.
    """
    command = [str(word) for word in words]
    if command[0].endswith('.py'):
        command.insert(0, sys.executable)
    environment = {
        **os.environ,
        # The tools find the package by themselves, the stub parts they cannot.
        'PYTHONPATH': str(ROOT / 'tests'),
        'PYTHON': sys.executable,
        'OMP_NUM_THREADS': '1',
        **variables,
    }
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def run_tool_here(tool: str | Path, *words: str | Path) -> int:
    """Run a tool in this process, which has imported what takes most of the time.

    Returns:
        Its exit code.
    """
    # The logger of the last run writes to a stream that pytest has closed.
    MMLogger._instance_dict.clear()
    try:
        # Tools leave settings in the environment, that checkpoints are trusted too.
        with (
            mock.patch.dict(os.environ, LOCAL_RANK='0'),
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setattr(sys, 'argv', [str(tool), *map(str, words)])
            patch.setattr(sys, 'path', [*sys.path])  # the tools add to it
            with pytest.raises(SystemExit) as caught:
                runpy.run_path(str(tool), run_name='__main__')
    finally:
        MMLogger._instance_dict.clear()
    return caught.value.code


def shrink_loader(loader: str, *, num_videos: int) -> list[str]:
    """Options that cut a dataloader of the paper's configs down to a CPU's size."""
    resize = 4  # its place in the pipelines
    return [
        f'{loader}.dataset.pipeline.{resize}.scale=(32, 32)',
        f'{loader}.dataset.indices={num_videos}',
        f'{loader}.batch_size=2',
        f'{loader}.num_workers=0',
        f'{loader}.persistent_workers=False',
    ]


def shrink_ratf(num_channels: int) -> list[str]:
    """Options that leave two stages of a RATF + CSA, of so many channels at the end."""
    return [
        'model.backbone.pretrained=None',
        'model.backbone.num_stages=2',
        'model.backbone.strides=(1, 2)',
        'model.backbone.dilations=(1, 1)',
        'model.backbone.out_indices=(1,)',
        'model.backbone.ratf_stages=(True, True)',
        f'model.neck.in_channels={num_channels}',
        f'model.cls_head.in_channels={num_channels}',
    ]
