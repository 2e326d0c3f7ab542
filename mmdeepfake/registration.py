"""Registers every part in MMAction2's registries; importing it is all."""

from . import _compat

_compat.apply()

# All names of a package are imported, and a module registers what it defines.
from .datasets import *  # noqa: E402, F403
from .engine import *  # noqa: E402, F403
from .evaluation import *  # noqa: E402, F403
from .models import *  # noqa: E402, F403
