"""One line of what an exporter or an engine raised."""

from __future__ import annotations


def describe_failure(error: Exception) -> str:
    """Give the kind of the error and the line of its text that says most.

    TorchScript's interpreter begins with where it was and ends with what went wrong;
    the others begin with what went wrong.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    line = lines[-1] if 'TorchScript interpreter' in lines[0] else lines[0]
    return f'{type(error).__name__}: {line}'
