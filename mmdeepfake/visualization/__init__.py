"""Plots and pages: arrays and logs in, image and HTML files out."""
