"""From raw videos to verdicts and result files."""

from mmdeepfake.video.isolation.isolated_video import IsolatedDecoder
from mmdeepfake.video.isolation.process_limits import DecodingLimits
from mmdeepfake.video.local_decoding import LocalDecoder

from .inferencer import DeepfakeInferencer, Progress
from .predictors import GroupPrediction, Predictor, TorchPredictor
from .results import FaceResult, PeakSnippet, SnippetScore, VideoResult, WindowScore

__all__ = [
    'DecodingLimits',
    'DeepfakeInferencer',
    'FaceResult',
    'GroupPrediction',
    'IsolatedDecoder',
    'LocalDecoder',
    'PeakSnippet',
    'Predictor',
    'Progress',
    'SnippetScore',
    'TorchPredictor',
    'VideoResult',
    'WindowScore',
]
