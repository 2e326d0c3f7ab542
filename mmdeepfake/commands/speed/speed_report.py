"""The facts of a run, its table and its files, for the speed tools."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import torch

from mmdeepfake.engine.hooks.run_report_hook import describe_code
from mmdeepfake.files.atomic_write import replace_json, replace_text


def describe_run(device: str = 'cpu') -> dict[str, str]:
    """Describe command, machine, versions and date of a run."""
    load = ', '.join(f'{value:.1f}' for value in os.getloadavg())
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30
    return {
        'command': ' '.join(['python', *sys.argv]),
        'device': device_name(device),
        'machine': f'{os.cpu_count()} logical cores, {memory:.0f} GiB, '
        f'{platform.system()}; load over 1, 5, 15 minutes at the start: {load}',
        'torch': f'{torch.__version__}, {torch.get_num_threads()} threads',
        'code': describe_code(),
        'date': time.strftime('%Y-%m-%d'),
    }


def device_name(device: str) -> str:
    """Return the name of a GPU, or of the processor from /proc/cpuinfo."""
    if device.startswith('cuda'):
        return torch.cuda.get_device_name(device)
    path = Path('/proc/cpuinfo')
    lines = path.read_text().splitlines() if path.is_file() else []
    names = [line.split(':', 1)[1] for line in lines if line.startswith('model name')]
    return (names[0] if names else platform.processor() or platform.machine()).strip()


def format_facts(facts: Mapping[str, str]) -> str:
    """Format the facts of a run as a Markdown list."""
    return '\n'.join(f'- {key}: {fact}' for key, fact in facts.items())


def write_report(stem: str, text: str, record: Mapping, folder: str | Path) -> None:
    """Write the text as `stem`.md and the record as `stem`.json."""
    replace_text(Path(folder, f'{stem}.md'), text)
    replace_json(Path(folder, f'{stem}.json'), record)
