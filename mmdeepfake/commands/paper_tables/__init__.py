"""`tools/paper_tables.py`: the paper's tables, its figures beside ours."""
