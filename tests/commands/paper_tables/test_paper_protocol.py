"""The paper's tables as data: complete, in its shape, and counted where they can be."""

import pytest

from mmdeepfake.commands.paper_tables.paper_protocol import read_paper_tables
from mmdeepfake.errors import DataError

TABLES = {table.number: table for table in read_paper_tables()}
ALL = ('Deepfakes', 'Face2Face', 'FaceSwap', 'NeuralTextures')


def is_share(figure, num_videos):
    """Whether k / N rounds or cuts to it."""
    k = round(figure * num_videos)
    return any(abs(one / num_videos - figure) < 1.01e-4 for one in (k - 1, k, k + 1))


@pytest.mark.parametrize(
    ('number', 'num_rows', 'num_columns', 'num_figures'),
    [
        ('1', 16, 8, 16 * 3 + 13 + 13 * 4),
        ('2', 12, 3, 11 + 12 + 9),
        ('3', 12, 3, 11 + 12 + 10),
        ('4a', 6, 4, 24),
        ('4b', 4, 4, 16),
        ('4c', 5, 4, 20),
    ],
)
def test_table_has_the_papers_shape(number, num_rows, num_columns, num_figures):
    table = TABLES[number]
    assert (len(table.rows), len(table.columns)) == (num_rows, num_columns)
    figures = [figure.value for row in table.rows for figure in row.figures]
    assert sum(value is not None for value in figures) == num_figures


def test_accuracies_are_shares_of_the_test_videos_unless_quoted():
    odd = [
        (table.number, row.name, column.name)
        for table in TABLES.values()
        if table.figure == 'acc'
        for row in table.rows
        for column, figure in zip(table.columns, row.figures, strict=True)
        if figure.value is not None
        and not figure.quoted
        and not is_share(figure.value, column.tested.num_videos)
    ]
    assert odd == [('4a', '+ RATF', 'NT')]  # likely a misprint, as its note says


def test_quoted_figures_of_table_2_are_no_shares_and_each_quoted_row_of_1_has_one():
    for row in TABLES['2'].rows:
        for column, figure in zip(TABLES['2'].columns, row.figures, strict=True):
            if figure.quoted:
                assert not is_share(figure.value, column.tested.num_videos)
    quoted = [row for row in TABLES['1'].rows if any(f.quoted for f in row.figures)]
    assert [row.name for row in quoted] == ['FaceNetLSTM', 'Co-motion-70', 'DeepRhythm']
    for row in quoted:
        assert not all(is_share(f.value, 280) for f in row.figures if f.quoted)


@pytest.mark.parametrize('number', ['2', '3'])
def test_the_papers_model_leads_every_column_of_other_sets(number):
    """As its text says; a slip in a digit could break it."""
    table = TABLES[number]
    for index in range(len(table.columns)):
        values = [row.figures[index].value or 0 for row in table.rows]
        assert max(values) == values[-1]


def test_full_model_of_the_ablations_is_that_of_table_1():
    full = TABLES['1'].rows[-1]
    assert full.name == 'RATF + CSA'
    for number in ('4a', '4b', '4c'):
        (row,) = [row for row in TABLES[number].rows if row.methods == ('ratf_r50',)]
        assert row.figures == full.figures[4:]


def test_columns_say_what_is_trained_and_tested():
    hq_nt = TABLES['1'].columns[3]
    assert (hq_nt.group, hq_nt.name) == ('HQ', 'NT')
    assert hq_nt.trained == hq_nt.tested.source
    assert hq_nt.trained.describe() == 'FaceForensics++ c23 (NeuralTextures)'
    for column in TABLES['3'].columns:
        assert column.trained.methods == ALL
        assert column.trained.compression == 'c40'
    sources = [column.tested.source.describe() for column in TABLES['3'].columns]
    assert sources == ['FaceForensics++ c40 (Deepfakes)', 'Celeb-DF', 'DFDC-preview']
    for column in TABLES['2'].columns:
        assert column.trained == column.tested.source
    assert [c.tested.num_videos for c in TABLES['2'].columns] == [518, 777, 806]


def test_daggers_are_those_of_the_paper():
    with_dagger = {
        number: [row.name for row in TABLES[number].rows if row.reimplemented]
        for number in ('1', '2', '3')
    }
    own = ['I3D', 'TEI', 'TAM', 'V4D', 'DSANet', 'ADDNet-3D', 'STIL']
    assert sorted(with_dagger['2']) == sorted(with_dagger['3']) == sorted(own)
    assert with_dagger['1'] == 'ResNet-50 TEI TAM DSANet V4D ADDNet-3D'.split()


def test_damaged_file_is_refused(tmp_path):
    path = tmp_path / 'x.yml'
    path.write_text(
        '{rows: [], manipulations: [], title: a, url: b, tables: {"1": {}}}'
    )
    with pytest.raises(DataError, match=r"cannot read the paper's figures .*KeyError"):
        read_paper_tables(path)
