"""Pictures of runs: arrays and logs in, files out."""
