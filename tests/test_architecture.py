"""Who may import whom, and what files may be called."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / 'mmdeepfake'

# From the ground up: a room may import itself and the rooms of the rows above its own.
ROWS = [
    {'errors', 'lazy_names', 'registry', 'version'},
    {'files'},
    {'structures', 'ops'},
    {'layouts', 'video'},
    {'faces', 'models', 'evaluation', 'visualization', 'miniff'},
    {'datasets', 'engine'},
    {'prepare'},
    {'inference'},
    {'commands'},
    {'webapp', 'export'},
    {'apis'},
]
# `import mmdeepfake` registers every part and repairs what upstream breaks.
PLUGGING_IN = {
    *('__init__', '__main__', '_compat', '_deferred_imports', '_first_use'),
    'registration',
}
ROW_OF = {room: index for index, row in enumerate(ROWS) for room in row}
# Imports against the order, each with its reason.
EXCEPTIONS: dict[tuple[str, str], str] = {}
FORBIDDEN_STEMS = {'utils', 'helpers', 'misc', 'common', 'base2'}
OUTSIDE = {'tools', 'configs', 'tests'}


def module_name(path: Path) -> str:
    """'evaluation.ranking' for mmdeepfake/evaluation/ranking.py."""
    parts = path.relative_to(PACKAGE).with_suffix('').parts
    return '.'.join(parts[:-1] if len(parts) > 1 and parts[-1] == '__init__' else parts)


def source_files() -> list[Path]:
    data = {'.mim', 'weights'}  # the latter has the config of a detector
    return sorted(p for p in PACKAGE.rglob('*.py') if not data & set(p.parts))


MODULES = {module_name(path): path for path in source_files()}


def room_of(module: str) -> str:
    return module.split('.')[0]


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


@cache
def imports_of_file(path: Path) -> set[str]:
    return imports_of(ast.parse(path.read_text()), path)


def own_imports(path: Path) -> set[str]:
    """Modules of ours that a module imports, as they are called in MODULES."""
    own = set()
    for name in imports_of_file(path):
        if not name.startswith('mmdeepfake.'):
            continue
        parts = name.split('.')[1:]
        # The last part may be a class or function of the module before it.
        while parts and '.'.join(parts) not in MODULES:
            parts.pop()
        own.add('.'.join(parts) or '__init__')
    return own


def imports_against_the_order() -> set[tuple[str, str]]:
    return {
        (module, imported)
        for module, path in MODULES.items()
        if room_of(module) not in PLUGGING_IN
        for imported in own_imports(path)
        if room_of(imported) != room_of(module)
        and not ROW_OF.get(room_of(imported), 99) < ROW_OF[room_of(module)]
    }


def test_imports_flow_one_way():
    assert imports_against_the_order() == set(EXCEPTIONS)


def test_package_imports_no_tool_config_or_test():
    first_words = {
        (module, name.split('.')[0])
        for module, path in MODULES.items()
        for name in imports_of_file(path)
    }
    assert not {(module, word) for module, word in first_words if word in OUTSIDE}


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


def test_every_room_has_its_row():
    rooms = {room_of(module) for module in MODULES} - PLUGGING_IN
    assert rooms == set(ROW_OF)


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
