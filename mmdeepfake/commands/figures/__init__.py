"""What `tools/figures.py` draws and measures."""
