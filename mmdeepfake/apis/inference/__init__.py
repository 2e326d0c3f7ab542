"""From raw videos to verdicts, and the files that tell of them."""

from .inferencer import DeepfakeInferencer, Progress
from .predictors import GroupPrediction, Predictor, TorchPredictor
from .results import (
    FaceResult,
    PeakSnippet,
    SnippetScore,
    VideoResult,
    WindowScore,
)

__all__ = [
    'DeepfakeInferencer',
    'FaceResult',
    'GroupPrediction',
    'PeakSnippet',
    'Predictor',
    'Progress',
    'SnippetScore',
    'TorchPredictor',
    'VideoResult',
    'WindowScore',
]
