"""What `tools/benchmark.py` does."""
