"""Datasets of real and forged videos, and the transforms that read them."""

from .benchmarks import FaceForensics, VideoFolder
from .deepfake_dataset import DeepfakeDataset
from .transforms import CorruptVideo, CropFace, DecodeFrames, OpenVideo, SampleSnippets

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
