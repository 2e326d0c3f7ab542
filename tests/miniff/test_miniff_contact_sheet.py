import numpy as np
import pytest

from mmdeepfake.errors import DataError
from mmdeepfake.miniff.forgery_sheet import (
    CELL_PX,
    GAP_PX,
    HEADER_HEIGHT_PX,
    LABEL_WIDTH_PX,
    make_contact_sheet,
)


def cell(sheet, row, column):
    """One image of a sheet, without its gap."""
    top = HEADER_HEIGHT_PX + row * (CELL_PX + GAP_PX)
    left = LABEL_WIDTH_PX + column * (CELL_PX + GAP_PX)
    return sheet[top : top + CELL_PX, left : left + CELL_PX].astype(int)


def test_rows_are_the_real_clip_and_its_forgeries(tiny_root):
    sheet = make_contact_sheet(tiny_root, num_columns=3)
    assert sheet.shape == (
        HEADER_HEIGHT_PX + 5 * (CELL_PX + GAP_PX),
        LABEL_WIDTH_PX + 4 * (CELL_PX + GAP_PX),
        3,
    )
    # The last column is blank for the real clip and shows masks for the forgeries.
    assert (cell(sheet, 0, 3) == 255).all()
    for row in range(1, 5):
        mask = cell(sheet, row, 3)
        assert 0.01 < (mask > 127).mean() < 0.5


def test_columns_are_consecutive_frames(tiny_root):
    early = make_contact_sheet(tiny_root, num_columns=2, first_frame_index=0)
    late = make_contact_sheet(tiny_root, num_columns=2, first_frame_index=1)
    np.testing.assert_array_equal(cell(early, 1, 1), cell(late, 1, 0))
    assert np.abs(cell(early, 1, 0) - cell(early, 1, 1)).mean() > 0.1


def test_several_clips_follow_each_other(tiny_root):
    sheet = make_contact_sheet(tiny_root, clip_ids=['000', '003'], num_columns=1)
    assert sheet.shape[0] == HEADER_HEIGHT_PX + 10 * (CELL_PX + GAP_PX)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'compression': 'c0'}, "compression 'c0'"),
        ({'clip_ids': ['777']}, "clip '777'"),
        ({'num_columns': 5}, 'frames 0 to 4 .* frames 0 to 3'),
        ({'first_frame_index': -1, 'num_columns': 1}, 'frames -1 to -1'),
        ({'num_columns': 0}, 'frames 0 to -1'),
    ],
)
def test_what_the_set_lacks_is_refused(tiny_root, options, message):
    with pytest.raises(DataError, match=message):
        make_contact_sheet(tiny_root, **options)
