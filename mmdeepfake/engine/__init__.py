from .cpu_amp import CPUAmpOptimWrapper
from .durable_backend import DurableBackend
from .hooks.alt_freezing_hook import AltFreezingHook
from .hooks.basis_usage_hook import BasisUsageHook
from .hooks.broken_sample_hook import BrokenSampleHook
from .hooks.check_config_hook import CheckConfigHook
from .hooks.durable_checkpoint_hook import DurableCheckpointHook
from .hooks.finite_gradients_hook import FiniteGradientsHook
from .hooks.forgery_view_hook import ForgeryViewHook
from .hooks.repeatable_run_hook import RepeatableRunHook
from .hooks.run_report_hook import RunReportHook
from .hooks.strict_checkpoint_hook import StrictCheckpointHook

__all__ = [
    'AltFreezingHook',
    'BasisUsageHook',
    'BrokenSampleHook',
    'CPUAmpOptimWrapper',
    'CheckConfigHook',
    'DurableBackend',
    'DurableCheckpointHook',
    'FiniteGradientsHook',
    'ForgeryViewHook',
    'RepeatableRunHook',
    'RunReportHook',
    'StrictCheckpointHook',
]
