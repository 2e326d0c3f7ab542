"""Face detectors behind one protocol."""

from .backends import DETECTOR_NAMES, build_detector
from .detector import FaceDetector, Faces

__all__ = ['DETECTOR_NAMES', 'FaceDetector', 'Faces', 'build_detector']
