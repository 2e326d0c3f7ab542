import logging
import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import make_ffpp_tree
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

import mmdeepfake  # noqa: F401  (registers our parts)

REALFF_VARIABLE = 'MMDEEPFAKE_REALFF'


@pytest.fixture(autouse=True)
def fixed_scope_and_seed():
    """Let every test start alike, whichever ran before it."""
    init_default_scope('mmaction')
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def ffpp_root(tmp_path):
    """A tiny FaceForensics++ at c40: 2 real and 2 fakes a method in each split."""
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


@pytest.fixture
def log_lines():
    """The messages that MMEngine's current logger gets during the test."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)
