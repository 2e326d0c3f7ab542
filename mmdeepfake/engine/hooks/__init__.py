"""Hooks for the Runner."""
