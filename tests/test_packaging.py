"""What lies in a built wheel, and that MIM finds its part of it."""

import importlib.util
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import zipfile

import pytest
import yaml
from packaging.requirements import Requirement
from tool_runs import ROOT

from mmdeepfake.version import __version__

MIM = ROOT / 'mmdeepfake/.mim'
BUILT = shutil.ignore_patterns('__pycache__', '*.egg-info')


def copy_checkout(target):
    """Copy what a wheel is made of, symlinks as symlinks: a build writes beside it."""
    for name in ('setup.py', 'pyproject.toml', 'MANIFEST.in', 'LICENSE'):
        shutil.copy(ROOT / name, target / name)
    shutil.copy(ROOT / 'model-index.yml', target / 'model-index.yml')
    for name in ('mmdeepfake', 'configs', 'tools', 'tests'):
        shutil.copytree(ROOT / name, target / name, symlinks=True, ignore=BUILT)


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """A wheel of this checkout."""
    if not all(importlib.util.find_spec(name) for name in ('setuptools', 'pip')):
        pytest.skip('no setuptools or pip here, which build the wheel')
    folder = tmp_path_factory.mktemp('checkout')
    copy_checkout(folder)
    command = [sys.executable, '-m', 'pip', 'wheel', '--no-build-isolation']
    command += ['--no-deps', '--no-index', '--wheel-dir', 'dist', '.']
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / f'dist/mmdeepfake-{__version__}-py3-none-any.whl'


@pytest.fixture
def names(wheel):
    """The names of the files in the wheel."""
    return set(zipfile.ZipFile(wheel).namelist())


def files_below(folder, *endings):
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob('*')
        if path.is_file() and path.suffix in endings
    }


def test_wheel_holds_every_module(names):
    modules = {f'mmdeepfake/{name}' for name in files_below(ROOT / 'mmdeepfake', '.py')}
    assert {name for name in modules if '.mim' not in name} <= names


def test_wheel_holds_what_mim_looks_for(names):
    configs = files_below(ROOT / 'configs', '.py', '.yml')
    tools = files_below(ROOT / 'tools', '.py', '.sh')
    expected = {f'mmdeepfake/.mim/configs/{name}' for name in configs}
    expected |= {f'mmdeepfake/.mim/tools/{name}' for name in tools}
    assert expected | {'mmdeepfake/.mim/model-index.yml'} <= names


@pytest.mark.parametrize(
    ('folder', 'count'), [('webapp/page', 4), ('visualization/templates', 4)]
)
def test_wheel_holds_the_files_of_pages(names, folder, count):
    paths = (ROOT / 'mmdeepfake' / folder).iterdir()
    files = {path.relative_to(ROOT).as_posix() for path in paths}
    assert len(files) == count
    assert files <= names


def test_command_of_the_wheel_runs_its_tools_from_any_folder(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / 'site')
    (points,) = tmp_path.glob('site/*.dist-info/entry_points.txt')
    assert 'mmdeepfake = mmdeepfake.__main__:main' in points.read_text()
    done = subprocess.run(
        [sys.executable, '-m', 'mmdeepfake', 'validate', 'missing.jsonl'],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(tmp_path / 'site')},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, 'missing.jsonl' in done.stderr) == (2, True), done.stderr


def test_wheel_holds_nothing_else(names):
    tops = {name.split('/')[0] for name in names}
    assert tops == {'mmdeepfake', f'mmdeepfake-{__version__}.dist-info'}
    assert not [name for name in names if '__pycache__' in name or 'test_' in name]


@pytest.mark.parametrize('name', ['configs', 'tools', 'model-index.yml'])
def test_links_for_mim_are_relative_and_lead_to_the_root(name):
    assert os.readlink(MIM / name) == f'../../{name}'
    assert (MIM / name).resolve() == ROOT / name


def read_index(kind):
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    for path in index['Import']:
        yield from yaml.safe_load((ROOT / path).read_text()).get(kind, ())


def read_models():
    return read_index('Models')


def test_every_model_of_the_index_has_its_config():
    models = list(read_models())
    collections = {collection['Name'] for collection in read_index('Collections')}
    assert models
    for model in models:
        assert (ROOT / model['Config']).is_file(), model['Config']
        assert model['Config'].endswith(f'/{model["Name"]}.py')
        assert model['In Collection'] in collections
    names = [model['Name'] for model in models]
    assert len(set(names)) == len(names)


def test_every_baseline_and_ablation_is_in_the_index():
    listed = {model['Config'] for model in read_models()}
    for folder in ('baselines', 'ablations'):
        for path in (ROOT / 'configs' / folder).glob('*.py'):
            assert str(path.relative_to(ROOT)) in listed


def test_code_and_readme_of_every_collection_exist():
    for collection in read_index('Collections'):
        assert (ROOT / collection['Code']['URL']).is_file()
        assert (ROOT / collection.get('README', 'README.md')).is_file()


def test_every_result_of_the_index_was_measured():
    # A result belongs here together with the run that it comes from.
    assert not [model['Name'] for model in read_models() if 'Results' in model]


def constraints(python):
    """The pins that hold for a Python, '3.10' say: name -> version."""
    pins = {}
    for line in (ROOT / 'constraints.txt').read_text().splitlines():
        if not line or line.startswith('#'):
            continue
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate({'python_version': python}):
            assert pin.name not in pins, f'{pin.name} is pinned twice for {python}'
            pins[pin.name] = str(pin.specifier)
    return pins


@pytest.mark.parametrize('python', ['3.10', '3.11', '3.12'])
def test_each_python_has_one_version_of_each_package(python):
    assert set(constraints(python)) == set(constraints('3.11'))


def test_no_flavour_of_mmcv_is_a_hard_requirement():
    text = (ROOT / 'setup.py').read_text()
    required = text[text.index('install_requires') : text.index('extras_require')]
    assert 'mmcv' not in required


def test_image_installs_extras_that_exist_and_starts_the_page(monkeypatch):
    text = (ROOT / 'Dockerfile').read_text()
    (extras,) = re.findall(r"'\.\[(.*)\]'", text)
    setup = (ROOT / 'setup.py').read_text()
    assert all(f"'{extra}': " in setup for extra in extras.split(','))
    (words,) = re.findall(r'^ENTRYPOINT (.*)$', text, re.MULTILINE)
    command, name, *options = json.loads(words)
    assert (command, name) == ('mmdeepfake', 'serve')
    monkeypatch.setattr(sys, 'argv', ['serve', *options, '--checkpoint', '/model'])
    args = runpy.run_path(str(ROOT / 'tools/webapp.py'))['parse_args']()
    assert (args.host, args.port, args.checkpoint) == ('0.0.0.0', 7860, '/model')
