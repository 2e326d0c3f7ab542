"""What `tools/speed.py` and `tools/speed_data.py` measure."""
