"""From raw videos to what a dataset reads; see `pipeline`."""
