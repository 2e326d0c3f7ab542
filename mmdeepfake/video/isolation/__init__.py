"""A decoder in a process of its own."""
