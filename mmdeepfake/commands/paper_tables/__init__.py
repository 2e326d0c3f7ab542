"""What `tools/paper_tables.py` does."""
