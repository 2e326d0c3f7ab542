"""The commands for empty cells name configs that train and test what the cell says."""

import re
import shlex

import pytest
from mmengine.config import DictAction
from run_builders import write_training
from tool_runs import ROOT

from mmdeepfake.commands.finished_runs import find_runs
from mmdeepfake.commands.paper_protocol import CONFIGS, read_paper
from mmdeepfake.commands.paper_tables.cells import Cell
from mmdeepfake.commands.paper_tables.filling import find_commands
from mmdeepfake.engine.build import load_config
from mmdeepfake.engine.config_checks import check_config

TABLES = {table.number: table for table in read_paper().tables}
# Data of a table's column -> folder of the prepared faces.
ROOTS = {
    'FaceForensics++': 'data/ffpp_faces',
    'Celeb-DF': 'data/celeb_df_faces',
    'DFDC-preview': 'data/dfdc_preview_faces',
    'WildDeepfake': 'data/wild_deepfake_faces',
}
ALL = ('Deepfakes', 'Face2Face', 'FaceSwap', 'NeuralTextures')


def cell_of(number, method, index):
    table = TABLES[number]
    (row, *_) = (row for row in table.rows if method in row.methods)
    return Cell(table, row, table.columns[index], method)


def cells():
    """Every column with our model, one baseline or ablation a table."""
    chosen = set()
    for table in TABLES.values():
        methods = [method for row in table.rows for method in row.methods]
        chosen.add((table.number, methods[0], len(table.columns) - 1))
        for index in range(len(table.columns)):
            chosen.add((table.number, 'ratf_r50', index))
    return sorted(chosen)


def parse(command):
    """Split a command of tools/train.py into config, work dir and options."""
    words = shlex.split(command)
    assert words[:2] == ['python', 'tools/train.py']
    options = {}
    if '--cfg-options' in words:
        at = words.index('--cfg-options')
        words, pairs = words[:at], words[at + 1 :]
        for pair in pairs:
            key, value = pair.split('=', 1)
            options[key] = DictAction._parse_iterable(value)
    assert words[3] == '--work-dir'
    return words[2], words[4], options


@pytest.mark.parametrize(('number', 'method', 'index'), cells())
def test_commands_train_and_test_what_the_cell_says(number, method, index):
    column = TABLES[number].columns[index]
    train, test = find_commands(cell_of(number, method, index), ())
    config, work_dir, options = parse(train)
    path = CONFIGS.resolve().parent / config
    assert path.stem.startswith(method)
    cfg = load_config(path, options)
    check_config(cfg)
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        dataset = cfg[loader].dataset
        assert dataset.data_root == ROOTS[column.trained.dataset]
        assert (dataset.compression or '') == column.trained.compression
        expected = column.trained.methods if column.trained.compression else None
        assert (dataset.methods and tuple(dataset.methods)) == expected
        shows = column.trained.dataset == 'Celeb-DF'
        assert dataset.get('test_shows_known_persons', False) == shows
    words = test.split()
    assert words[2:4] == [
        f'{work_dir}/{path.stem}.py',
        f'{work_dir}/best_deepfake_auc_epoch_*.pth',
    ]
    if number == '3':
        sets = words[words.index('--on') + 1 :]
        assert sets == ['ffpp_lq', 'celeb_df', 'dfdc_preview']
        roots = [
            load_config(CONFIGS / f'_base_/datasets/{name}.py').data_root
            for name in sets
        ]
        assert roots[index] == ROOTS[column.tested.dataset]
    else:
        assert words[1] == 'tools/test.py'


def test_each_training_has_a_folder_of_its_own():
    """Two cells share a folder only where they share the training."""
    trained = {}
    for table in TABLES.values():
        for row in table.rows:
            for method in row.methods:
                for column in table.columns:
                    commands = find_commands(Cell(table, row, column, method), ())
                    folder = shlex.split(commands[0])[4]
                    source = (method, column.trained)
                    assert trained.setdefault(folder, source) == source


def test_trained_model_needs_its_test_alone(tmp_path):
    folder = tmp_path / 'my run'
    write_training(folder, 'tam_ffpp_lq', options={'methods': 'FaceSwap'},
                   methods=('FaceSwap',))  # fmt: skip
    (folder / 'best_deepfake_auc_epoch_7.pth').touch()
    trainings = find_runs([folder]).trainings
    (test,) = find_commands(cell_of('1', 'tam', 6), trainings)
    assert shlex.split(test) == [
        'python', 'tools/test.py', str(folder / 'tam_ffpp_lq.py'),
        str(folder / 'best_deepfake_auc_epoch_7.pth'), '--work-dir', str(folder),
    ]  # fmt: skip
    assert len(find_commands(cell_of('1', 'tam', 5), trainings)) == 2
    assert len(find_commands(cell_of('1', 'tei', 6), trainings)) == 2


def test_model_of_all_manipulations_needs_its_evaluation_alone(tmp_path):
    folder = tmp_path / 'run'
    write_training(folder, 'ratf_r50_ffpp_lq', methods=ALL)
    trainings = find_runs([folder]).trainings
    commands = {find_commands(cell_of('3', 'ratf_r50', i), trainings) for i in range(3)}
    ((command,),) = commands
    assert command.startswith('python tools/evaluate.py ')
    assert command.endswith('--on ffpp_lq celeb_df dfdc_preview')


DOCS = (ROOT / 'docs/paper_tables.md').read_text(encoding='utf-8')


def test_configs_and_tools_that_the_docs_name_exist():
    named = set(re.findall(r'(?:configs|tools)/[\w/]+\.(?:py|yml)', DOCS))
    assert len(named) > 10
    assert not [name for name in named if not (ROOT / name).is_file()]


def test_trainings_of_the_docs_are_sound():
    lines = re.findall(
        r'^    (python tools/train\.py (?:.*\\\n)*.*)$', DOCS, re.MULTILINE
    )
    assert len(lines) == 8
    for line in lines:
        words = shlex.split(line.replace('\\\n', ' '))
        pairs = words[words.index('--cfg-options') + 1 :] if len(words) > 5 else []
        options = {
            key: DictAction._parse_iterable(value)
            for key, value in (pair.split('=', 1) for pair in pairs)
        }
        check_config(load_config(ROOT / words[2], options))
