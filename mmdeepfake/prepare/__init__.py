"""From raw videos to what a dataset reads: so far, the manifest."""

from .manifest import ManifestWriter, read_manifest

__all__ = ['ManifestWriter', 'read_manifest']
