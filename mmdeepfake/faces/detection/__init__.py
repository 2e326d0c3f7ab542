"""Face detectors behind one protocol."""

from .detector import DETECTOR_NAMES, FaceDetector, Faces, build_detector

__all__ = ['DETECTOR_NAMES', 'FaceDetector', 'Faces', 'build_detector']
