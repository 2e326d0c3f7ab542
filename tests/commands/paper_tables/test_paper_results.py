import pytest
from tool_runs import ROOT

from mmdeepfake.commands.paper_tables.paper_results import (
    find_paper_row,
    read_paper_results,
)
from mmdeepfake.errors import DataError

LQ = {'type': 'DeepfakeDataset', 'compression': 'c40'}
# Quoted in the paper from others, whose test sets are other ones.
QUOTED = {'FaceNetLSTM', 'Co-motion-70', 'DeepRhythm'}
TABLES = read_paper_results()


def figures():
    for row in TABLES['rows']:
        for compression in ('c23', 'c40'):
            for name, figure in zip(
                TABLES['manipulations'], row.get(compression, ()), strict=False
            ):
                yield row, compression, name, figure


def test_figures_are_shares_of_the_280_test_videos():
    """A slip of a digit would seldom give a multiple of 1/280 again."""
    odd = [
        (row['name'], name)
        for row, _, name, figure in figures()
        if row['name'] not in QUOTED
        and min(abs(k / 280 - figure) for k in range(281)) > 1.01e-4
    ]
    assert odd == [('+ RATF', 'NeuralTextures')]  # 0.9312, likely a misprint of 0.9321


def test_every_row_has_a_figure_for_each_manipulation():
    for row in TABLES['rows']:
        for compression in {'c23', 'c40'} & set(row):
            assert len(row[compression]) == len(TABLES['manipulations'])
    lacking = {row['name'] for row, _, _, figure in figures() if figure is None}
    assert lacking == QUOTED


def test_every_config_named_there_exists():
    stems = {path.stem for path in (ROOT / 'configs').rglob('*.py')}
    named = [name for row in TABLES['rows'] for name in row['configs']]
    assert len(set(named)) == len(named)
    assert {f'{name}_ffpp_lq' for name in named} <= stems


# Newer than the paper, so in none of its tables.
NEWER = {
    f'{name}_ffpp_lq'
    for name in ('altfreezing', 'ftcn', 'tall_swin', 'video_mae', 'video_mae_probe')
}


def test_every_baseline_and_ablation_has_its_row():
    rows = (*TABLES['rows'], *TABLES['set_rows'])
    known = {f'{name}_ffpp_lq' for row in rows for name in row['configs']}
    assert not known & NEWER
    known |= NEWER
    for folder in ('baselines', 'ablations'):
        for path in (ROOT / 'configs' / folder).glob('*_ffpp_lq.py'):
            assert path.stem in known


def test_readme_of_the_baselines_prints_these_figures():
    text = (ROOT / 'configs/baselines/README.md').read_text(encoding='utf-8')
    printed = 0
    for line in text.splitlines():
        if not line.startswith('| `') or 'as above' in line:
            continue
        config, *_, figures = line.strip('| ').split(' | ')
        if figures == 'not in it':
            assert config.strip('`')[:-3] in NEWER
            continue
        row = find_paper_row(config.strip('`').removeprefix('../')[:-3], LQ)
        if figures.startswith('none'):  # in another table, or at HQ alone
            assert row is None
            continue
        expected = ', '.join(f'{100 * x:.2f}' for x in row.accuracies.values())
        assert figures.removesuffix(' †') == expected
        assert figures.endswith('†') == row.reimplemented
        printed += 1
    assert printed == 13


@pytest.mark.parametrize(
    ('stem', 'compression', 'name', 'figure'),
    [
        ('tam_ffpp_lq', 'c40', 'NeuralTextures', 0.9286),
        ('ratf_r50_ffpp_lq', 'c40', 'Face2Face', 0.9536),
        ('ratf_r50_ffpp_hq_nt', 'c23', 'NeuralTextures', 0.9607),
        ('tam_ffpp_lq', 'c23', 'NeuralTextures', 0.9536),  # by --cfg-options
        ('ratf_star_csa_r50_ffpp_lq', 'c40', 'Deepfakes', 0.9893),
    ],
)
def test_config_finds_its_row(stem, compression, name, figure):
    row = find_paper_row(stem, LQ | {'compression': compression})
    assert row.accuracies[name] == figure


@pytest.mark.parametrize(
    ('stem', 'dataset'),
    [
        ('tam_ffpp_lq', LQ | {'dataset_name': 'MiniFF'}),
        ('tam_r18_miniff', LQ),
        ('tam_ffpp_lq', LQ | {'compression': 'raw'}),
        ('tam_ffpp_lq', {'type': 'VideoFolder', 'compression': None}),
        ('mine_ffpp_lq', LQ),
        ('ratf_r50_ffpp_lq_uncropped', LQ),
        ('ratf_r50_ffpp_lq_without_df', LQ),
        ('tam', LQ),
        ('t_conv_r50_ffpp_hq', LQ | {'compression': 'c23'}),  # Table 4 is LQ alone
    ],
)
def test_other_data_or_models_have_no_row(stem, dataset):
    assert find_paper_row(stem, dataset) is None


@pytest.mark.parametrize('text', ['', 'rows: [', '{rows: []}', '[1]'])
def test_file_that_is_no_table_is_refused(tmp_path, text):
    path = tmp_path / 'x.yml'
    path.write_text(text)
    with pytest.raises(DataError, match=r"cannot read the paper's figures .*x\.yml"):
        read_paper_results(path)
