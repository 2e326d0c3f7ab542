from typing import Any

from mmdeepfake.engine.build import build_runner, load_config

__all__ = ['DeepfakeInferencer', 'build_runner', 'load_config']


def __getattr__(name: str) -> Any:
    """Import the inferencer when it is asked for: training needs no video encoder."""
    if name == 'DeepfakeInferencer':
        from mmdeepfake.inference import DeepfakeInferencer

        return DeepfakeInferencer
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
