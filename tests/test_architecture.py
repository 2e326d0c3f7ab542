"""Who may import whom, and what files may be called."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / 'mmdeepfake'

# A unit is a folder of the package, or a module where a folder's modules differ.
# Its own unit, and what every row may use, are not repeated.
ALLOWED = {
    'structures': set(),
    'ops': set(),
    'evaluation.ranking': set(),
    'evaluation.aggregation': set(),
    'prepare': {'structures'},
    'miniff': {'structures', 'prepare'},
    'datasets': {'structures', 'registry', 'prepare.manifest'}
    | {
        'prepare.layouts',
        'prepare.clip_storage',
        'prepare.container_opening',
        'prepare.decord_reader',
    },
    'models': {'ops', 'registry', 'structures'},
    'evaluation': {'evaluation.ranking', 'evaluation.aggregation', 'registry'}
    | {'structures'},
    'visualization': {'structures', 'ops', 'registry'},
    # ForgeryViewHook draws while a run goes on what a report draws after it.
    'engine': {'registry', 'structures', 'visualization'}
    | {'evaluation', 'evaluation.ranking'},
    'apis': {'structures', 'ops', 'prepare', 'miniff', 'datasets', 'models', 'engine'}
    | {
        'evaluation',
        'evaluation.ranking',
        'visualization',
        'registry',
        '_checkpoint_reading',
    },
    'webapp': {'apis', 'structures', 'visualization'},
    'registry': set(),
    'version': set(),
    '_checkpoint_reading': {'structures'},
    '_compat': {'_checkpoint_reading'},
    '__init__': {'_compat', 'datasets', 'engine', 'evaluation', 'models', 'version'},
}
FOR_ALL = {'version'}
FORBIDDEN_STEMS = {'utils', 'helpers', 'misc', 'common', 'base2'}
OUTSIDE = {'tools', 'configs', 'tests'}


def module_name(path: Path) -> str:
    """'evaluation.ranking' for mmdeepfake/evaluation/ranking.py."""
    parts = path.relative_to(PACKAGE).with_suffix('').parts
    return '.'.join(parts[:-1] if len(parts) > 1 and parts[-1] == '__init__' else parts)


def source_files() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob('*.py') if '.mim' not in p.parts)


MODULES = {module_name(path): path for path in source_files()}


def unit_of(module: str, table: dict = ALLOWED) -> str:
    """The longest row of the table that the module lies in."""
    parts = module.split('.')
    for size in range(len(parts), 0, -1):
        if '.'.join(parts[:size]) in table:
            return '.'.join(parts[:size])
    raise AssertionError(f'mmdeepfake.{module} has no row in the table of this test')


def imports_of(tree: ast.AST, path: Path) -> set[str]:
    """Full names of what a module imports, relative imports resolved."""
    package = ['mmdeepfake', *path.relative_to(PACKAGE).parts[:-1]]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = '.'.join([*base, *([node.module] if node.module else [])])
            found |= {f'{stem}.{alias.name}' for alias in node.names}
    return found


def own_imports(path: Path) -> set[str]:
    """Modules of ours that a module imports, as they are called in MODULES."""
    own = set()
    for name in imports_of(ast.parse(path.read_text()), path):
        if not name.startswith('mmdeepfake.'):
            continue
        parts = name.split('.')[1:]
        # The last part may be a class or function of the module before it.
        while parts and '.'.join(parts) not in MODULES:
            parts.pop()
        own.add('.'.join(parts) or '__init__')
    return own


@pytest.mark.parametrize('module', MODULES)
def test_module_imports_only_what_its_row_allows(module):
    unit = unit_of(module)
    allowed = ALLOWED[unit] | FOR_ALL | {unit}
    for imported in own_imports(MODULES[module]):
        assert {imported, unit_of(imported)} & allowed, (
            f'mmdeepfake.{module} ({unit}) imports mmdeepfake.{imported}'
        )


@pytest.mark.parametrize('module', MODULES)
def test_package_imports_no_tool_config_or_test(module):
    tree = ast.parse(MODULES[module].read_text())
    first_words = {name.split('.')[0] for name in imports_of(tree, MODULES[module])}
    assert not first_words & OUTSIDE


def test_imports_make_no_cycle():
    graph = {module: own_imports(path) - {module} for module, path in MODULES.items()}
    done, trail = set(), []

    def visit(module: str) -> None:
        assert module not in trail, ' -> '.join([*trail, module])
        if module in done:
            return
        trail.append(module)
        for imported in graph[module]:
            # A package's __init__ gathers its modules; that is no cycle.
            if not module.startswith(f'{imported}.'):
                visit(imported)
        trail.pop()
        done.add(module)

    for module in graph:
        visit(module)


def test_no_file_is_a_dumping_ground():
    named_badly = [
        str(path.relative_to(PACKAGE))
        for path in source_files()
        if path.stem in FORBIDDEN_STEMS or path.stem.startswith('new_')
    ]
    assert not named_badly


def test_every_folder_is_a_package():
    # setuptools leaves a folder without __init__.py out of the wheel.
    folders = {path.parent for path in source_files()}
    assert not [str(f) for f in folders if not (f / '__init__.py').is_file()]


def test_every_row_has_its_module():
    assert not {unit for unit in ALLOWED if unit not in MODULES}


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('from .ranking import auc', 'mmdeepfake.evaluation.ranking.auc'),
        ('from ..registry import METRICS', 'mmdeepfake.registry.METRICS'),
        ('from . import ranking', 'mmdeepfake.evaluation.ranking'),
        ('import tools.train', 'tools.train'),
    ],
)
def test_relative_imports_are_resolved(text, expected):
    assert imports_of(ast.parse(text), PACKAGE / 'evaluation/x.py') == {expected}
