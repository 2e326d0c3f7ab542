import shutil

import pytest
from preparation_builders import make_tree


@pytest.fixture(scope='session')
def small_tree(tmp_path_factory):
    """A real and a fake video in the folder of each of two splits."""
    root = tmp_path_factory.mktemp('small') / 'raw'
    return make_tree(root, names='a', splits=('train', 'test'), num_frames=16)


@pytest.fixture
def root(small_tree, tmp_path):
    """A copy of the small tree, to change."""
    return shutil.copytree(small_tree, tmp_path / 'raw')


@pytest.fixture
def out(tmp_path):
    return tmp_path / 'faces'
