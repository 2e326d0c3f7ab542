"""Builds pages of the site out of files that lie outside of docs/.

READMEs below configs/ become pages. A source file that a page links to becomes a page
with numbered lines; a link such as `../mmdeepfake/ops/temporal_filter.py#weigh_bases`
leads to the line where that function begins, found when the site is built. A link that
leads to no file, or to no such name, is a warning, which `--strict` makes an error.
"""

from __future__ import annotations

import ast
import html
import logging
import pathlib
import posixpath
import re

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Page of the site -> file of the repository that it is made of.
READMES = {
    'overview.md': 'README.md',
    'baselines.md': 'configs/baselines/README.md',
    'miniff.md': 'configs/miniff/README.md',
}
LINK = re.compile(r'(?<=\]\()(?!\w+:|#)(?P<path>[^)\s#]*)(?P<anchor>#[^)\s]*)?(?=\))')
CODE_SPAN = re.compile(r'`[^`\n]*`')

log = logging.getLogger('mkdocs.hooks.repository_pages')


def repository_file(page: str) -> str:
    """Give the file that a page is made of, as a path from the root."""
    return READMES.get(page, f'docs/{page}')


def linked_files(origin: str, text: str) -> dict[str, set[str]]:
    """Give the files outside of docs/ that a text links to, with the anchors used.

    Args:
        origin: path of the text from the root.
        text: Markdown.
    """
    found: dict[str, set[str]] = {}
    for match in LINK.finditer(text):
        path = resolve(origin, match['path'])
        if path and not path.startswith('docs/') and path not in READMES.values():
            found.setdefault(path, set()).add((match['anchor'] or '')[1:])
    return found


def resolve(origin: str, path: str) -> str:
    """Give a link's target as a path from the root; '' of a link within the page."""
    if not path:
        return ''
    return posixpath.normpath(posixpath.join(posixpath.dirname(origin), path))


def find_symbol(text: str, name: str) -> int | None:
    """Give the line where a class, function or constant of a module begins.

    Args:
        text: Python.
        name: `function`, `Class`, `Class.method` or `CONSTANT`.
    """
    nodes: list[ast.stmt] = ast.parse(text).body
    line = None
    for word in name.split('.'):
        for node in nodes:
            if word in _names_of(node):
                line, nodes = node.lineno, getattr(node, 'body', [])
                break
        else:
            return None
    return line


def _names_of(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = getattr(node, 'targets', None) or [getattr(node, 'target', None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def site_page(path: str) -> str:
    """Give the page of the site that shows a file or folder of the repository."""
    for page, readme in READMES.items():
        if readme == path:
            return page
    if path.startswith('docs/'):
        return path.removeprefix('docs/')
    return f'source/{path}.md'


def rewrite_links(text: str, page: str, *, code_is_safe: bool = True) -> str:
    """Lead the links of a page, relative to its file, to the pages of the site.

    Args:
        text: Markdown of the page.
        page: its path in the site.
        code_is_safe: leave spans of code as they are.
    """
    origin = repository_file(page)
    spans = [m.span() for m in CODE_SPAN.finditer(text)] if code_is_safe else []

    def lead(match: re.Match[str]) -> str:
        if any(start < match.start() < end for start, end in spans):
            return match[0]
        path, anchor = resolve(origin, match['path']), match['anchor'] or ''
        if not path:
            return match[0]
        if not (ROOT / path).exists():
            log.warning('%s links to %s, which is not there', origin, path)
            return match[0]
        if anchor and path.endswith('.py'):
            line = find_symbol((ROOT / path).read_text('utf-8'), anchor[1:])
            if line is None:
                log.warning('%s links to %s of %s: no such name', origin, anchor, path)
            anchor = f'#L-{line}'
        target = site_page(path)
        return posixpath.relpath(target, posixpath.dirname(page) or '.') + anchor

    return LINK.sub(lead, text)


def source_page(path: str) -> str:
    """Make the page that shows a file with numbered lines, or lists a folder."""
    place = ROOT / path
    head = f'---\nsearch:\n  exclude: true\nhide:\n  - toc\n---\n# `{path}`\n\n'
    if place.is_dir():
        names = sorted(child.name for child in place.iterdir() if child.name[0] != '_')
        return head + '\n'.join(f'- `{html.escape(name)}`' for name in names) + '\n'
    text = place.read_text('utf-8')
    try:
        lexer = get_lexer_for_filename(path)
    except ClassNotFound:
        lexer = TextLexer()
    formatter = HtmlFormatter(linenos='inline', lineanchors='L', cssclass='highlight')
    return head + highlight(text, lexer, formatter)


def on_files(files, config):
    """Add the pages that no file of docs/ stands for; MkDocs calls this."""
    from mkdocs.structure.files import File

    wanted: set[str] = set()
    for page, readme in READMES.items():
        text = (ROOT / readme).read_text('utf-8')
        files.append(File.generated(config, page, content=text))
        wanted |= set(linked_files(readme, text))
    for path in sorted((ROOT / 'docs').glob('*.md')):
        origin = f'docs/{path.name}'
        wanted |= set(linked_files(origin, path.read_text('utf-8')))
    for path in sorted(wanted):
        if (ROOT / path).exists():
            page = File.generated(config, site_page(path), content=source_page(path))
            files.append(page)
    return files


def on_page_markdown(markdown, page, config, files):
    """Rewrite the links of a page; MkDocs calls this."""
    if page.file.src_uri.startswith('source/'):
        return markdown
    return rewrite_links(markdown, page.file.src_uri)
