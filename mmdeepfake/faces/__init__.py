"""Frames become face tracks."""
