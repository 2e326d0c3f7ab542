"""What each file of tools/ does."""
