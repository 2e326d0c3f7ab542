"""The public functions and classes."""

from mmdeepfake.lazy_names import import_on_demand

_HOMES = {
    'DeepfakeInferencer': 'mmdeepfake.inference.inferencer',
    'build_runner': 'mmdeepfake.engine.build',
    'load_config': 'mmdeepfake.engine.build',
    'list_models': 'mmdeepfake.inference.detector_loading',
    'load_detector': 'mmdeepfake.inference.detector_loading',
}
__all__ = sorted(_HOMES)
__getattr__ = import_on_demand(__name__, _HOMES)
