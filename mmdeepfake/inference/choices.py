"""Options of `DeepfakeInferencer` that are names, and the place of the starter."""

from pathlib import Path

NO_HEAT, PEAK_HEAT, ALL_HEAT = HEAT_MAPS = ('none', 'peak', 'all')
FACES = ('config', 'detect', 'whole')
FLOAT32, BFLOAT16, AUTO = DTYPES = ('float32', 'bfloat16', 'auto')
# In the folder of a published detector: how its training videos were prepared.
SETTINGS = 'settings.json'
STARTER = Path(__file__).resolve().parents[1] / 'weights/starter'
