"""Options of `DeepfakeInferencer` that are names."""

NO_HEAT, PEAK_HEAT, ALL_HEAT = HEAT_MAPS = ('none', 'peak', 'all')
FACES = ('config', 'detect', 'whole')
