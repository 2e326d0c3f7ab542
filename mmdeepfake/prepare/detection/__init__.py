"""Face detectors behind one protocol."""

from .detector import FaceDetector, Faces

__all__ = ['FaceDetector', 'Faces']
