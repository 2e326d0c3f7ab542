"""Write, check and run detectors as files for other engines."""

from mmdeepfake.lazy_names import import_on_demand

_HOMES = {
    'ExportMetadata': '.metadata',
    'ExportedDetector': '.exported_detector',
    'ExportedScores': '.exported_detector',
    'export_detector': '.export',
    'read_metadata': '.metadata',
}
__all__ = sorted(_HOMES)
__getattr__ = import_on_demand(__name__, _HOMES)
