"""Baselines, one file a paper: importing this registers them."""
