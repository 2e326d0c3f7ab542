"""The files of OUT/report."""

from __future__ import annotations

from collections.abc import Sequence

from mmdeepfake.files.image_file import replace_image
from mmdeepfake.files.printable_text import show_text

from ..output_folder import OutputFolder, write_json, write_text
from ..prepared_video import PreparedVideo
from .contact_sheet import draw_contact_sheet
from .coverage import Coverage, format_coverage
from .leak_audit import Leaks, format_leaks


def write_report(
    out: OutputFolder,
    coverage: Coverage,
    leaks: Leaks,
    wrong_quality: list[str],
    prepared: Sequence[PreparedVideo],
) -> None:
    """Write what was found, as text, as JSON and as a picture.

    Args:
        out: the output folder.
        coverage: see `Coverage`.
        leaks: see `Leaks`.
        wrong_quality: see `stream_quality.find_wrong_quality`.
        prepared: the videos to draw examples of.
    """
    folder = out.report
    write_json(folder / 'coverage.json', coverage.to_dict())
    write_json(folder / 'leaks.json', leaks.to_dict())
    write_json(folder / 'wrong_quality.json', wrong_quality)
    write_text(
        folder / 'report.txt',
        '\n'.join(
            (
                format_coverage(coverage),
                format_leaks(leaks),
                format_quality(wrong_quality),
            )
        ),
    )
    sheet = draw_contact_sheet(out.root, prepared)
    if sheet is not None:
        replace_image(folder / 'contact_sheet.png', sheet, alone=True)


def format_quality(wrong_quality: Sequence[str]) -> str:
    """Give the contradictory files as text."""
    if not wrong_quality:
        return 'Compression: no file contradicts its level.\n'
    lines = [f'Compression: {len(wrong_quality)} files contradict their level:']
    lines += [f'  {text}' for text in wrong_quality]
    return show_text('\n'.join(lines)) + '\n'
