"""Datasets of real and fake videos, and their transforms."""

from .deepfake_dataset import DeepfakeDataset
from .pseudo_fakes import MakePseudoFake, PairSampler, PseudoFakeDataset
from .transforms import CorruptVideo, CropFace, DecodeFrames, OpenVideo, SampleSnippets
from .unprepared_sets import FaceForensics, VideoFolder

__all__ = [
    'CorruptVideo',
    'CropFace',
    'DecodeFrames',
    'DeepfakeDataset',
    'FaceForensics',
    'MakePseudoFake',
    'OpenVideo',
    'PairSampler',
    'PseudoFakeDataset',
    'SampleSnippets',
    'VideoFolder',
]
