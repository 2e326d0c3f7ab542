"""Options of `DeepfakeInferencer` that are names."""

NO_HEAT, PEAK_HEAT, ALL_HEAT = HEAT_MAPS = ('none', 'peak', 'all')
FACES = ('config', 'detect', 'whole')
FLOAT32, BFLOAT16, AUTO = DTYPES = ('float32', 'bfloat16', 'auto')
