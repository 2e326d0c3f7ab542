"""The report of a preparation: coverage, leaks, wrong files, a contact sheet."""

from .coverage import Coverage, count_coverage, format_coverage
from .leak_audit import Leaks, find_leaks, format_leaks
from .report_files import write_report
from .stream_quality import find_wrong_quality

__all__ = [
    'Coverage',
    'Leaks',
    'count_coverage',
    'find_leaks',
    'find_wrong_quality',
    'format_coverage',
    'format_leaks',
    'write_report',
]
