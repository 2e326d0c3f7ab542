"""The paper's tables as data: complete, in its shape, and counted where they can be."""

import pytest
from tool_runs import ROOT

from mmdeepfake.commands.paper_protocol import method_of, read_paper

TABLES = {table.number: table for table in read_paper().tables}
ALL = ('Deepfakes', 'Face2Face', 'FaceSwap', 'NeuralTextures')
# Newer than the paper, so in none of its tables.
NEWER = {'altfreezing', 'ftcn', 'tall_swin', 'video_mae', 'video_mae_probe'}


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
    figures = [figure for row in table.rows for figure in row.figures]
    assert sum(figure is not None for figure in figures) == num_figures


def test_accuracies_are_shares_of_the_test_videos_unless_quoted():
    """A wrong digit would rarely give a share again."""
    odd, quoted = [], set()
    for table in TABLES.values():
        for row in table.rows if table.figure == 'acc' else ():
            for column, figure in zip(table.columns, row.figures, strict=True):
                if figure is None or is_share(figure, column.videos.num_videos):
                    continue
                if column.name in row.quoted:
                    quoted.add((table.number, row.name))
                else:
                    odd.append((table.number, row.name, column.name))
    assert odd == [('4a', '+ RATF', 'LQ NT')]  # likely a misprint, as its note says
    # Each row with a quoted figure has one that is not a share, so it is known.
    assert quoted == {
        (n, row.name) for n in '12' for row in TABLES[n].rows if row.quoted
    }
    assert {name for n, name in quoted if n == '1'} == {
        'FaceNetLSTM', 'Co-motion-70', 'DeepRhythm'
    }  # fmt: skip


@pytest.mark.parametrize('number', ['2', '3'])
def test_the_papers_model_leads_every_column_of_other_sets(number):
    """As its text says; a slip in a digit could break it."""
    for figures in zip(*(row.figures for row in TABLES[number].rows), strict=True):
        assert max(figure or 0 for figure in figures) == figures[-1]


def test_full_model_of_the_ablations_is_that_of_table_1():
    full = TABLES['1'].rows[-1]
    assert full.name == 'RATF + CSA'
    for number in ('4a', '4b', '4c'):
        (row,) = [row for row in TABLES[number].rows if row.configs == ['ratf_r50']]
        assert row.figures == full.figures[4:]


def test_columns_say_what_is_trained_and_tested():
    hq_nt = TABLES['1'].columns[3]
    assert hq_nt.name == 'HQ NT'
    assert hq_nt.trained == hq_nt.tested
    assert str(hq_nt.trained) == 'FaceForensics++ c23 (NeuralTextures)'
    for column in TABLES['3'].columns:
        assert str(column.trained) == f'FaceForensics++ c40 ({", ".join(ALL)})'
    sources = [str(column.tested) for column in TABLES['3'].columns]
    assert sources == ['FaceForensics++ c40 (Deepfakes)', 'Celeb-DF', 'DFDC-preview']
    assert all(column.trained == column.tested for column in TABLES['2'].columns)
    assert [c.videos.num_videos for c in TABLES['2'].columns] == [518, 777, 806]


def test_daggers_are_those_of_the_paper():
    with_dagger = {
        number: {row.name for row in TABLES[number].rows if row.reimplemented}
        for number in TABLES
    }
    own = {'I3D', 'TEI', 'TAM', 'V4D', 'DSANet', 'ADDNet-3D', 'STIL'}
    assert with_dagger['2'] == with_dagger['3'] == own
    assert with_dagger['1'] == set('ResNet-50 TEI TAM DSANet V4D ADDNet-3D'.split())
    assert not any(with_dagger[number] for number in ('4a', '4b', '4c'))


def test_every_config_of_the_tables_exists_and_every_baseline_has_its_row():
    rows = [row for table in TABLES.values() for row in table.rows]
    named = {method for row in rows for method in row.configs}
    assert all(row.configs for row in rows)
    stems = {path.stem for path in (ROOT / 'configs').rglob('*_ffpp_lq.py')}
    assert {f'{name}_ffpp_lq' for name in named} <= stems
    assert not named & NEWER
    for folder in ('baselines', 'ablations'):
        for path in (ROOT / 'configs' / folder).glob('*_ffpp_lq.py'):
            assert method_of(path.stem) in named | NEWER


def test_readme_of_the_baselines_prints_these_figures():
    text = (ROOT / 'configs/baselines/README.md').read_text(encoding='utf-8')
    lq_rows = [row for number in ('1', '4a', '4b', '4c') for row in TABLES[number].rows]
    printed = 0
    for line in text.splitlines():
        if not line.startswith('| `') or 'as above' in line:
            continue
        config, *_, figures = line.strip('| ').split(' | ')
        stem = config.strip('`').removeprefix('../')[:-3]
        if figures == 'not in it':
            assert method_of(stem) in NEWER
            continue
        rows = [row for row in lq_rows if method_of(stem) in row.configs]
        known = [x for row in rows[:1] for x in row.figures[-4:] if x is not None]
        if figures.startswith('none'):  # in another table, or at HQ alone
            assert not known
            continue
        expected = ', '.join(f'{100 * x:.2f}' for x in known)
        assert figures.removesuffix(' †') == expected
        assert figures.endswith('†') == rows[0].reimplemented
        printed += 1
    assert printed == 13


@pytest.mark.parametrize(
    ('stem', 'method'),
    [
        ('tam_ffpp_lq', 'tam'),
        ('ratf_r50_ffpp_hq_nt', 'ratf_r50'),
        ('ratf_r50_ffpp_lq_to_celeb_df', 'ratf_r50'),
        ('ratf_r50_celeb_df', 'ratf_r50'),
        ('ratf_r18_miniff', None),
    ],
)
def test_method_is_the_name_without_the_data(stem, method):
    assert method_of(stem) == method
