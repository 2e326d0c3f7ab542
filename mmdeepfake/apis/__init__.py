from typing import Any

from mmdeepfake.engine.build import build_runner, load_config

__all__ = ['DeepfakeInferencer', 'build_runner', 'load_config', 'load_detector']


def __getattr__(name: str) -> Any:
    """Import the inferencer when it is asked for: training needs no video encoder."""
    if name in ('DeepfakeInferencer', 'load_detector'):
        from mmdeepfake.inference import inferencer

        return getattr(inferencer, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
