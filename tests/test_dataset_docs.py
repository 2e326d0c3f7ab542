"""docs/datasets.md names what there is."""

import re
from pathlib import Path

import pytest
from mmengine import Config

from mmdeepfake.engine.build import check_data
from mmdeepfake.errors import DataNotFoundError
from mmdeepfake.layouts import LAYOUTS
from mmdeepfake.layouts.celeb_df import VALIDATION_PEOPLE
from mmdeepfake.layouts.dfdc import VALIDATION_PARTS

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / 'docs/datasets.md').read_text(encoding='utf-8')
ROWS = [line for line in TEXT.splitlines() if line.startswith('| ') and '->' in line]


def test_every_layout_has_its_section_and_its_row():
    sections = set(re.findall(r'^## .*\(`(\w+)`\)$', TEXT, flags=re.MULTILINE))
    assert sections == set(LAYOUTS)
    table = re.findall(r'^\| [^|]* \| `(\w+)` \|', TEXT, flags=re.MULTILINE)
    assert set(table) == set(LAYOUTS)


def test_every_address_of_a_layout_is_there():
    for layout in LAYOUTS.values():
        for address in re.findall(r'https://[\w./-]+\w', layout.how_to_get):
            assert address in TEXT


@pytest.mark.parametrize('row', ROWS, ids=lambda row: row.split('|')[1].strip())
def test_configs_read_the_folder_that_their_row_names(row):
    *_, out = re.findall(r'`(data/\w+)`', row)
    leaves = re.findall(r'`(ratf_\w+\.py)`', row.replace('{lq,hq}', 'lq'))
    crosses = re.findall(r'_to_\w+\.py', row)
    configs = [*leaves, *(f'cross/ratf_r50_ffpp_lq{name}' for name in crosses)]
    assert configs
    for name in configs:
        cfg = Config.fromfile(ROOT / 'configs' / name)
        assert cfg.test_dataloader.dataset.data_root == out


def test_every_config_of_a_set_is_named():
    names = {path.stem for path in (ROOT / 'configs').glob('ratf_r50_*.py')}
    plain = TEXT.replace('{lq,hq}', 'lq')
    missing = [n for n in names if f'{n}.py' not in plain and '_ffpp_' not in n]
    assert not missing
    for path in (ROOT / 'configs/cross').glob('*.py'):
        assert path.name.removeprefix('ratf_r50_ffpp_lq') in TEXT


def test_files_that_are_named_exist():
    for name in set(re.findall(r'(?:tools|configs)/[\w/]+\.py', TEXT)):
        assert (ROOT / name).is_file(), name


def test_validation_rules_are_told_as_they_are():
    assert ', '.join(VALIDATION_PEOPLE[:-1]) in TEXT
    first, last = VALIDATION_PARTS[0], VALIDATION_PARTS[-1]
    assert f'parts {first} to {last} are for' in TEXT


@pytest.mark.parametrize('row', ROWS, ids=lambda row: row.split('|')[1].strip())
def test_missing_data_is_answered_with_the_row_and_where_to_get_it(row, tmp_path):
    name = re.search(r'\| `(\w+)` \|', row)[1]
    roots = re.findall(r'`(data/\w+)`', row)
    leaf = re.findall(r'`(ratf_\w+\.py)`', row.replace('{lq,hq}', 'lq'))
    cross = re.findall(r'_to_\w+\.py', row)
    files = [*leaf, *(f'cross/ratf_r50_ffpp_lq{end}' for end in cross)]
    for file in files:
        cfg = Config.fromfile(ROOT / 'configs' / file)
        if len(roots) == 2:
            assert cfg.test_dataloader.dataset.prepared_from == [name, roots[0]]
        out = str(tmp_path / 'faces 1')
        cfg.test_dataloader.dataset.data_root = out
        with pytest.raises(DataNotFoundError) as error:
            check_data(cfg, ['test'])
        text = str(error.value)
        root = cfg.test_dataloader.dataset.prepared_from[1]
        assert f"python tools/prepare.py {name} {root} '{out}'" in text
        assert LAYOUTS[name].how_to_get in text
        level = cfg.test_dataloader.dataset.compression
        assert (f'--compressions {level}' in text) == (level is not None)
