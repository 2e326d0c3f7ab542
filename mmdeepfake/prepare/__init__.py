"""From raw videos to what a dataset reads: `pipeline` runs the whole of it."""

from .manifest import ManifestWriter, read_manifest

__all__ = ['ManifestWriter', 'read_manifest']
