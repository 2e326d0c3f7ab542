"""Measures speed and memory: of models, of the data path, of the preparation."""
