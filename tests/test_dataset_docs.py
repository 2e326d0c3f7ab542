"""docs/datasets.md matches the layouts and configs."""

import re
from pathlib import Path

import pytest
from config_reading import list_configs, read_config

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


every_row = pytest.mark.parametrize('row', ROWS, ids=lambda r: r.split('|')[1].strip())


def configs_of(row):
    """Return the configs in a row of the table."""
    leaves = re.findall(r'`(ratf_\w+\.py)`', row.replace('{lq,hq}', 'lq'))
    crosses = re.findall(r'_to_\w+\.py', row)
    return [*leaves, *(f'cross/ratf_r50_ffpp_lq{name}' for name in crosses)]


@every_row
def test_configs_read_the_folder_that_their_row_names(row):
    *_, out = re.findall(r'`(data/\w+)`', row)
    assert configs_of(row)
    for name in configs_of(row):
        assert read_config(name).test_dataloader.dataset.data_root == out


def test_every_config_of_a_set_is_named():
    plain = TEXT.replace('{lq,hq}', 'lq')
    for name in list_configs('ratf_r50_*.py'):
        assert name in plain or '_ffpp_' in name
    for name in list_configs('cross/*.py'):
        assert name.removeprefix('cross/ratf_r50_ffpp_lq') in TEXT


def test_files_that_are_named_exist():
    for name in set(re.findall(r'(?:tools|configs)/[\w/]+\.py', TEXT)):
        assert (ROOT / name).is_file(), name


def test_validation_rules_are_correct():
    assert ', '.join(VALIDATION_PEOPLE[:-1]) in TEXT
    first, last = VALIDATION_PARTS[0], VALIDATION_PARTS[-1]
    assert f'parts {first} to {last} are for' in TEXT


@every_row
def test_error_for_missing_data_names_the_command_and_the_source(row, tmp_path):
    layout = re.search(r'\| `(\w+)` \|', row)[1]
    roots = re.findall(r'`(data/\w+)`', row)
    for name in configs_of(row):
        cfg = read_config(name)
        dataset = cfg.test_dataloader.dataset
        if len(roots) == 2:
            assert dataset.prepared_from == [layout, roots[0]]
        dataset.data_root = out = str(tmp_path / 'faces 1')
        with pytest.raises(DataNotFoundError) as error:
            check_data(cfg, ['test'])
        text = str(error.value)
        root = dataset.prepared_from[1]
        assert f"python tools/prepare.py {layout} {root} --out '{out}'" in text
        assert LAYOUTS[layout].how_to_get in text
        level = dataset.compression
        assert (f'--compressions {level}' in text) == (level is not None)
