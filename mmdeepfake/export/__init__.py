"""Write, check and run detectors as files for other engines."""

from .export import export_detector
from .exported_detector import ExportedDetector, ExportedScores
from .metadata import ExportMetadata, read_metadata

__all__ = [
    'ExportMetadata',
    'ExportedDetector',
    'ExportedScores',
    'export_detector',
    'read_metadata',
]
