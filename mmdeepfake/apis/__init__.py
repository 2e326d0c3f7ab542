from .build import build_runner, load_config
from .inference import DeepfakeInferencer

__all__ = ['DeepfakeInferencer', 'build_runner', 'load_config']
