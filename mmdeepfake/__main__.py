"""The command `mmdeepfake`: runs the tools, from any folder.

mmdeepfake TOOL [arguments]      runs tools/TOOL.py
mmdeepfake TOOL --help           lists its arguments
mmdeepfake --version             prints the version
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

from mmdeepfake.commands.command_line import run_tool
from mmdeepfake.errors import suggest
from mmdeepfake.files.package_folders import TOOLS
from mmdeepfake.version import __version__

STARTED_BY_SCRIPTS = ('start_processes',)
OTHER_NAMES = {'serve': 'webapp'}


def main() -> int:
    """Run the tool that the command line names and return its exit code."""
    tools = find_tools()
    name = sys.argv[1] if len(sys.argv) > 1 else '--help'
    if name in ('-h', '--help'):
        return run_tool(print_tools, tools)
    if name == '--version':
        return run_tool(print, __version__)
    if name not in tools:
        near = suggest(name, tools)
        text = f'unknown tool {name!r}{near}; known: {", ".join(tools)}'
        print(f'error: {text}', file=sys.stderr)
        return 2
    sys.argv[:2] = [f'mmdeepfake {name}']  # argparse prints it
    spec = importlib.util.spec_from_file_location(f'mmdeepfake_{name}', tools[name])
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool.main()


def print_tools(tools: dict[str, Path]) -> None:
    """Print what each tool does."""
    print(f'{__doc__}\nTools:')
    for name, path in tools.items():
        print(f'    {name:<18} {describe(path)}')


def find_tools() -> dict[str, Path]:
    """Return the tools by name."""
    tools = {path.stem: path for path in sorted(TOOLS.glob('*.py'))}
    for name in STARTED_BY_SCRIPTS:
        del tools[name]
    return tools | {name: tools[tool] for name, tool in OTHER_NAMES.items()}


def describe(path: Path) -> str:
    """Return the first line of a tool's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))) or ''
    return text.partition('\n')[0]


if __name__ == '__main__':
    sys.exit(main())
