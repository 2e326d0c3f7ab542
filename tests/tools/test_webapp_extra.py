"""tools/webapp.py where the extra 'web' is not installed."""

import sys

import pytest

from mmdeepfake.errors import ConfigError
from mmdeepfake.webapp import command


@pytest.mark.parametrize('name', ['starlette', 'uvicorn'])
def test_missing_package_is_named_with_the_command(monkeypatch, name):
    for module in list(sys.modules):
        if module.startswith(('mmdeepfake.webapp.', name)):
            if module != command.__name__:
                monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=r"pip install 'mmdeepfake\[web\]'"):
        command.run_webapp(None)
