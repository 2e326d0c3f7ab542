"""From raw videos to what a dataset reads: `pipeline` runs the whole of it."""
