"""A video file becomes frames."""
