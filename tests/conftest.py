# What takes seconds to import is imported where it is used: the process that only hands
# the tests out to the workers does without.
import gc
import logging
import os
import sys
from pathlib import Path

import pytest

REALFF_VARIABLE = 'MMDEEPFAKE_REALFF'
MAX_WORKERS = 4
BYTES_OF_A_WORKER = 3 << 30  # the largest model of the tests takes 2.3 GB


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Workers for `pytest -n auto`: one a core, as far as memory goes."""
    memory = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on a Mac
        cores = os.cpu_count() or 1
    return max(1, min(cores, memory // BYTES_OF_A_WORKER, MAX_WORKERS))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes():
    """Give the workers, and what they start, one thread each: they share the cores."""
    os.environ.setdefault('OMP_NUM_THREADS', '1')


def pytest_configure(config):
    """Let pytest-randomly, where it is installed, shuffle the tests and no more.

    Data are drawn from `start_alike`'s seed: a bound on them holds in every run.
    """
    config.option.randomly_reset_seed = False
    # Each process that a test starts would compile the package anew.
    os.environ.pop('PYTHONDONTWRITEBYTECODE', None)
    sys.dont_write_bytecode = False
    if hasattr(config, 'workerinput') or not config.getoption('numprocesses', None):
        from same_start import prepare_process

        prepare_process()


def pytest_collection_finish():
    """Leave what is imported out of garbage collections; MMEngine makes one a dataset.

    Going through all of torch's objects takes a quarter of a second.
    """
    gc.collect()
    gc.freeze()


def pytest_unconfigure():
    gc.unfreeze()  # or Triton calls what is left at the end a leak


def pytest_terminal_summary(terminalreporter, config):
    """Print the seed of the order; pytest's own header is left out by -q."""
    seed = config.getoption('randomly_seed', None)
    if seed is not None:
        terminalreporter.write_line(f'order of the tests: --randomly-seed={seed}')


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """Start the fixtures of a module alike, whichever test is its first."""
    from same_start import start_alike

    start_alike()


@pytest.fixture(autouse=True)
def fixed_scope_and_seed():
    """Let every test start alike, whichever ran before it."""
    from same_start import start_alike

    start_alike()


@pytest.fixture(autouse=True, scope='session')
def unformatted_configs():
    """Skip the formatting of configs by runs, which takes most of their time."""
    with pytest.MonkeyPatch.context() as patch:
        name = 'mmengine.config.config.FormatCode'
        # A fork of MMEngine has none.
        patch.setattr(name, lambda text, **_: (text, True), raising=False)
        yield


@pytest.fixture(autouse=True, scope='session')
def unsynced_files():
    """Leave what tests write to the system: a disk takes milliseconds for a file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, 'fsync', lambda descriptor: None)
        yield


@pytest.fixture
def ffpp_root(tmp_path):
    """A tiny FaceForensics++ at c40: 2 real and 2 fakes a method in each split."""
    from builders import make_ffpp_tree

    return make_ffpp_tree(tmp_path / 'ffpp')


@pytest.fixture(scope='session')
def realff():
    """The root of a small set of real footage in FaceForensics++'s layout."""
    beside = Path(__file__).resolve().parents[2] / 'shared/realff'
    root = Path(os.environ.get(REALFF_VARIABLE, beside))
    if not (root / 'original_sequences').is_dir():
        pytest.skip(
            f'no real footage at {root}; set {REALFF_VARIABLE} to a folder in the '
            'layout of FaceForensics++'
        )
    return root


@pytest.fixture(scope='session')
def ratf(tmp_path_factory):
    """Paths of a small RATF's config and checkpoint, for export."""
    from export_builders import RATF, make_checkpoint

    return make_checkpoint(tmp_path_factory.mktemp('ratf'), *RATF)


@pytest.fixture
def log_lines():
    """The messages that MMEngine's current logger gets during the test."""
    from mmengine.logging import MMLogger

    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)
