"""Datasets of real and fake videos, and their transforms."""

from .deepfake_dataset import DeepfakeDataset
from .transforms import CorruptVideo, CropFace, DecodeFrames, OpenVideo, SampleSnippets
from .unprepared_sets import FaceForensics, VideoFolder

__all__ = [
    'CorruptVideo',
    'CropFace',
    'DecodeFrames',
    'DeepfakeDataset',
    'FaceForensics',
    'OpenVideo',
    'SampleSnippets',
    'VideoFolder',
]
