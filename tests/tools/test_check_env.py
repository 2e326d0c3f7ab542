import importlib.util
import re

import pytest
from tool_runs import ROOT

from mmdeepfake.commands.command_line import EXTRA_OF


@pytest.fixture
def check_env():
    spec = importlib.util.spec_from_file_location(
        'check_env', ROOT / 'tools/check_env.py'
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_complete_machine_passes_and_lists_every_gap(check_env, capsys):
    assert check_env.check() == 0
    text = capsys.readouterr().out
    assert 'mmaction     1.' in text
    assert 'gap          mmaction2 without DRN: ' in text
    assert 'all required packages are installed' in text


def test_bare_machine_is_shown_what_to_install(check_env, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    assert check_env.check() == 1
    text = capsys.readouterr().out
    assert 'PROBLEM      mmcv is missing: pip install "mmcv-lite<2.2"' in text
    assert text.count('PROBLEM') == len(check_env.REQUIRED)


def test_old_python_is_named(check_env, monkeypatch, capsys):
    monkeypatch.setattr(check_env.sys, 'version_info', (3, 9))
    assert check_env.check() == 1
    assert 'Python 3.10 or later is needed' in capsys.readouterr().out


def test_broken_install_is_named(check_env, monkeypatch):
    def fail(name):
        raise OSError('libx.so is missing')

    monkeypatch.setattr(check_env.importlib, 'import_module', fail)
    assert check_env.check_imports() == [
        'mmdeepfake cannot be imported: OSError: libx.so is missing'
    ]


def test_every_extra_is_listed(check_env):
    setup = (ROOT / 'setup.py').read_text()
    block = setup[setup.index('extras_require={') : setup.index('classifiers=')]
    extras = set(re.findall(r"^        '(\w+)': ", block, re.MULTILINE))
    assert extras - {'lite'} == set(check_env.EXTRAS)  # mmcv is required
    assert set(EXTRA_OF.values()) <= extras
    modules = {name for names, _ in check_env.EXTRAS.values() for name in names}
    assert set(EXTRA_OF) <= modules


def test_every_required_package_is_looked_for(check_env):
    setup = (ROOT / 'setup.py').read_text()
    block = setup[setup.index('install_requires=[') : setup.index('extras_require={')]
    packages = set(re.findall(r"^        '(\w+)", block, re.MULTILINE))
    looked_for = {name for names, _ in check_env.REQUIRED.values() for name in names}
    assert packages <= looked_for
