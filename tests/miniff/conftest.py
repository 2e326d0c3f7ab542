import pytest

from mmdeepfake.miniff import MiniFFSettings, render_miniff


@pytest.fixture(scope='session')
def tiny_settings():
    return MiniFFSettings(num_identities=(2, 2, 2), num_frames=4, size_px=32)


@pytest.fixture(scope='session')
def tiny_root(tiny_settings, tmp_path_factory):
    """Folder of a small rendered set; tests only read it."""
    root = tmp_path_factory.mktemp('miniff')
    render_miniff(root, tiny_settings, num_workers=1, progress=False)
    return root
