"""The files of OUT/report."""

from __future__ import annotations

from collections.abc import Sequence

from mmdeepfake.files.atomic_write import replace_json
from mmdeepfake.files.image_file import replace_image

from ..output_folder import OutputFolder, write_text
from ..prepared_video import PreparedVideo
from .contact_sheet import draw_contact_sheet
from .coverage import Coverage, format_coverage
from .leak_audit import Leaks, format_leaks
from .stream_quality import format_quality


def write_report(
    out: OutputFolder,
    coverage: Coverage,
    leaks: Leaks,
    wrong_quality: list[str],
    prepared: Sequence[PreparedVideo],
) -> None:
    """Write the report as text, as JSON and as an image."""
    folder = out.report
    replace_json(folder / 'coverage.json', coverage.to_dict(), alone=True)
    replace_json(folder / 'leaks.json', leaks.to_dict(), alone=True)
    replace_json(folder / 'wrong_quality.json', wrong_quality, alone=True)
    texts = (
        format_coverage(coverage),
        format_leaks(leaks),
        format_quality(wrong_quality),
    )
    write_text(folder / 'report.txt', '\n'.join(texts))
    sheet = draw_contact_sheet(out.root, prepared)
    if sheet is not None:
        replace_image(folder / 'contact_sheet.png', sheet, alone=True)
