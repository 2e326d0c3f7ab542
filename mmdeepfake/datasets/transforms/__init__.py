"""Pipeline steps of our own; the rest of a pipeline is MMAction2's."""

from .cropping import CropFace
from .decoding import DecodeFrames, OpenVideo
from .sampling import SampleSnippets

__all__ = ['CropFace', 'DecodeFrames', 'OpenVideo', 'SampleSnippets']
