"""Our pipeline steps, used along with those of MMAction2."""

from .clip_augmentation import BlendClipWithItself, DropOrRepeatFrames
from .clip_degradation import DegradeClip
from .co_motion_pattern import CoMotionPattern, ComputeLandmarkFlow
from .corruption import CorruptVideo
from .cropping import CropFace
from .decoding import DecodeFrames, OpenVideo
from .face_regions import FaceAttentionMask, MarkFacialParts
from .flip_drawing import DrawFlip
from .load_face_landmarks import LoadFaceLandmarks
from .mmst_map import BuildMMSTMap
from .reversal import ReverseTime
from .sampling import SampleSnippets
from .temporal_dropout import TemporalDropout
from .thumbnail import CutOutSquare, ThumbnailLayout

__all__ = [
    'BlendClipWithItself',
    'BuildMMSTMap',
    'CoMotionPattern',
    'ComputeLandmarkFlow',
    'CorruptVideo',
    'CropFace',
    'CutOutSquare',
    'DecodeFrames',
    'DegradeClip',
    'DrawFlip',
    'DropOrRepeatFrames',
    'FaceAttentionMask',
    'LoadFaceLandmarks',
    'MarkFacialParts',
    'OpenVideo',
    'ReverseTime',
    'SampleSnippets',
    'TemporalDropout',
    'ThumbnailLayout',
]
