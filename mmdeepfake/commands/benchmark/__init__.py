"""`tools/benchmark.py`: trains and tests many configs and seeds for one table."""
