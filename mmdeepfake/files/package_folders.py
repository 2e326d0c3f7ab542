"""Where configs and tools lie: through the package, so that an installed copy has them.

In a checkout the two are links to the folders of these names.
"""

from pathlib import Path

_MIM = Path(__file__).resolve().parents[1] / '.mim'
CONFIGS = _MIM / 'configs'
TOOLS = _MIM / 'tools'
