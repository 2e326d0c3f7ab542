import pytest
from fault_builders.tool_server import ToolServer

# What a result must not depend on: the order of sets, the clock's zone, the language.
SURROUNDINGS = {
    'PYTHONHASHSEED': '4242',
    'TZ': 'Asia/Kathmandu',
    'LC_ALL': 'tr_TR.UTF-8',
}


@pytest.fixture(scope='session')
def server():
    """A process that runs tools, in surroundings of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SURROUNDINGS.items():
            patch.setenv(name, value)
        started = ToolServer('train', 'test')
    with started:
        yield started
