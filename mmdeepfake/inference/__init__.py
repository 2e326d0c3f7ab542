"""From raw videos to verdicts and result files."""

from mmdeepfake.lazy_names import import_on_demand

_HOMES = {
    'DecodingLimits': 'mmdeepfake.video.isolation.process_limits',
    'DeepfakeInferencer': '.inferencer',
    'FaceResult': '.results',
    'GroupPrediction': '.predictors',
    'IsolatedDecoder': 'mmdeepfake.video.isolation.isolated_video',
    'LocalDecoder': 'mmdeepfake.video.local_decoding',
    'PeakSnippet': '.results',
    'Predictor': '.predictors',
    'Progress': '.inferencer',
    'SnippetScore': '.results',
    'TorchPredictor': '.predictors',
    'VideoResult': '.results',
    'WindowScore': '.results',
}
__all__ = sorted(_HOMES)
__getattr__ = import_on_demand(__name__, _HOMES)
